//! All models. They are one program, because each program takes seconds to build.

mod bounded;
mod bounded_background;
mod bounded_check;
mod bounded_turns;
mod fetch;
mod first_use;
mod limits;
mod lobby;
mod owner;
mod parking;
mod shards;
mod steal;
mod sweep;
