//! A thread that wants a blocking connection while the server is stopped.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use ebbtide::BoundedPool;
use ebbtide::bounded::{Info, Settings, TryRecycle};
use redis::{Client, Connection, ConnectionLike, RedisResult};

use crate::PATIENCE;
use crate::child::Redis;
use crate::common::Failure;
use crate::pools::LIMIT;

/// The most that a checkout waits in all.
const TOTAL: Duration = Duration::from_millis(500);

/// Connects with no timeout. So a creation that hangs is left to another thread.
#[derive(Clone)]
struct Blocking(Client);

impl TryRecycle<Connection> for Blocking {
    type Error = redis::RedisError;

    fn try_create(&self) -> RedisResult<Connection> {
        let connection = self.0.get_connection()?;
        // A check runs on the thread that gets the connection.
        connection.set_read_timeout(Some(LIMIT))?;
        Ok(connection)
    }

    fn check(&self, connection: &mut Connection, _: &Info) -> bool {
        connection.check_connection()
    }
}

/// Stops the server, lets a checkout fail, and resumes it. Then the connection comes that the checkout began.
pub(crate) fn run() -> Result<(), Failure> {
    let redis = Redis::start()?;
    let client = Client::open(format!("redis://{}", redis.address()))?;
    let pool = BoundedPool::try_with_settings(Blocking(client), Settings::new(1).wait_timeout(TOTAL))?;
    let pool = pool.create_in_background();
    redis.signal("STOP")?;
    let begin = Instant::now();
    let Err(error) = pool.get() else { return Err("a stopped server answers".into()) };
    let after = begin.elapsed().as_secs_f64() * 1e3;
    writeln!(io::stdout(), "with the server stopped: a blocking checkout fails after {after:.1} ms: {error}")?;
    redis.signal("CONT")?;
    drop(pool.get_timeout(PATIENCE)?);
    let created = pool.stats().created;
    writeln!(io::stdout(), "with the server resumed: a checkout succeeds, connections created: {created}")?;
    Ok(())
}
