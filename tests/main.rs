//! The suite: one binary, in-process, a database per test, the same tests on SQLite and on PostgreSQL.

mod support;

mod migrations;
mod newsletter;
mod smtp_sink;
mod tags;
