//! The suite: one binary, in-process, a database per test, the same tests on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

mod archives;
mod articles;
mod auth;
mod bylines;
mod categories;
mod category_tree;
mod changes;
mod cli;
mod comments;
mod compat_plans;
mod contract;
mod delivery;
mod feeds;
mod ghost;
mod hostile;
mod import;
mod import_files;
mod import_people;
mod journey;
mod lists;
mod media;
mod migrations;
mod moving_in;
mod newsletter;
mod newsroom;
mod nodes;
mod pages;
mod permissions;
mod privacy;
mod purge;
mod redirects;
mod search;
mod site;
mod sitemaps;
mod smtp_sink;
mod subscriptions;
mod tags;
mod users;
mod wordpress;
