//! The pools of Redis connections: ebbtide's and two others, each with its manager.
//!
//! All have the same limits, and check each idle connection with a PING before they hand it out.

use std::ops::DerefMut;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, RecycleResult};
use ebbtide::BoundedPool;
use ebbtide::bounded::{Info, Manage, Pooled, Settings};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};

use crate::common::Failure;

/// The most that each phase of a checkout may take: the wait, a connection, a check. Also the most for an answer.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// The managers of all pools.
pub(crate) struct Connections(Client);

impl Connections {
    fn new(url: &str) -> RedisResult<Self> {
        Client::open(url).map(Self)
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(LIMIT)).set_response_timeout(Some(LIMIT));
        self.0.get_multiplexed_async_connection_with_config(&config).await
    }
}

async fn ping(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    redis::cmd("PING").exec_async(connection).await
}

/// A pool, as the service uses it.
pub(crate) trait Pool: Send + Sync + Sized + 'static {
    type Guard<'a>: DerefMut<Target = MultiplexedConnection> + Send;

    /// A pool of at most `connections` to the server at `url`.
    fn new(url: &str, connections: usize) -> Result<Self, Failure>;

    fn checkout(&self) -> impl Future<Output = Result<Self::Guard<'_>, String>> + Send;
}

// ---- ebbtide --------------------------------------------------------------------------------------------------------

impl Manage<MultiplexedConnection> for Connections {
    type Error = RedisError;

    async fn create(&self) -> RedisResult<MultiplexedConnection> {
        self.connect().await
    }

    async fn check(&self, connection: &mut MultiplexedConnection, _: &Info) -> bool {
        ping(connection).await.is_ok()
    }
}

impl Pool for BoundedPool<MultiplexedConnection, Connections> {
    type Guard<'a> = Pooled<'a, MultiplexedConnection, Connections>;

    fn new(url: &str, connections: usize) -> Result<Self, Failure> {
        let settings = Settings::new(connections).wait_timeout(LIMIT).create_timeout(LIMIT).check_timeout(LIMIT);
        Ok(Self::try_with_settings(Connections::new(url)?, settings)?)
    }

    async fn checkout(&self) -> Result<Self::Guard<'_>, String> {
        self.get_async().await.map_err(|error| error.to_string())
    }
}

// ---- deadpool -------------------------------------------------------------------------------------------------------

impl managed::Manager for Connections {
    type Type = MultiplexedConnection;
    type Error = RedisError;

    async fn create(&self) -> RedisResult<MultiplexedConnection> {
        self.connect().await
    }

    async fn recycle(&self, connection: &mut MultiplexedConnection, _: &Metrics) -> RecycleResult<RedisError> {
        Ok(ping(connection).await?)
    }
}

impl Pool for managed::Pool<Connections> {
    type Guard<'a> = managed::Object<Connections>;

    fn new(url: &str, connections: usize) -> Result<Self, Failure> {
        let builder = Self::builder(Connections::new(url)?).max_size(connections).runtime(Runtime::Tokio1);
        let builder = builder.wait_timeout(Some(LIMIT)).create_timeout(Some(LIMIT)).recycle_timeout(Some(LIMIT));
        Ok(builder.build()?)
    }

    async fn checkout(&self) -> Result<managed::Object<Connections>, String> {
        self.get().await.map_err(|error| error.to_string())
    }
}

// ---- bb8 ------------------------------------------------------------------------------------------------------------

impl bb8::ManageConnection for Connections {
    type Connection = MultiplexedConnection;
    type Error = RedisError;

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        self.connect().await
    }

    async fn is_valid(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        ping(connection).await
    }

    fn has_broken(&self, _: &mut MultiplexedConnection) -> bool {
        false
    }
}

impl Pool for bb8::Pool<Connections> {
    type Guard<'a> = bb8::PooledConnection<'a, Connections>;

    fn new(url: &str, connections: usize) -> Result<Self, Failure> {
        let builder = Self::builder().max_size(u32::try_from(connections)?).connection_timeout(LIMIT);
        Ok(builder.build_unchecked(Connections::new(url)?))
    }

    async fn checkout(&self) -> Result<Self::Guard<'_>, String> {
        self.get().await.map_err(|error| error.to_string())
    }
}
