//! The suite: one binary, in-process, a database per test, the same tests on SQLite and on PostgreSQL.

mod support;

mod articles;
mod hostile;
mod migrations;
mod permissions;
mod privacy;
mod subscriptions;
mod tags;
