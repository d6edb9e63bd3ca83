//! The suite: one binary, in-process, a database per test, the same tests on SQLite and on PostgreSQL.

mod support;

mod articles;
mod hostile;
mod migrations;
mod newsletter;
mod permissions;
mod privacy;
mod smtp_sink;
mod tags;
