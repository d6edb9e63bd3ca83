//! The suite: one binary, in-process, a database per test, the same tests on SQLite and on PostgreSQL.

mod support;

mod articles;
mod auth;
mod bylines;
mod categories;
mod category_tree;
mod comments;
mod hostile;
mod migrations;
mod permissions;
mod privacy;
mod site;
mod subscriptions;
mod tags;
mod users;
