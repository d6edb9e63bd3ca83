//! Rows of the read model, written by hand: what is published without articles being there.

use std::ops::Range;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::Timestamp;
use domain::ids::ArticleId;

use super::App;

/// Lists an article (or a `page`) in English, visible in `shown`, under things given as (scope, id); under a category
/// also in the subtrees of everything it stands under.
pub fn list_article(app: &App, kind: &str, shown: Range<Timestamp>, under: &[(&str, &str)]) -> ArticleId {
    let id = ArticleId::new();
    let insert = |conn: &mut persistence::Conn| {
        diesel::sql_query(
            "INSERT INTO published_articles (article_id, revision, kind, group_id, locale, slug, visible_from,
                 visible_until, published_at, updated_at, comments_open, summary, body)
             VALUES ($1, 1, $2, $1, 'en', $1, $3, $4, $3, $3, true, '{}', '{}')",
        )
        .bind::<Text, _>(id.to_string())
        .bind::<Text, _>(kind)
        .bind::<BigInt, _>(shown.start.micros())
        .bind::<BigInt, _>(shown.end.micros())
        .execute(conn)?;
        for (scope, scope_id) in under {
            put_under(conn, id, scope, scope_id)?;
        }
        Ok(())
    };
    app.data.db.write_blocking(insert).unwrap();
    id
}

/// Lists an article that is there under one more thing.
pub fn put_under(conn: &mut persistence::Conn, id: ArticleId, scope: &str, scope_id: &str) -> domain::Result<()> {
    diesel::sql_query(
        "INSERT INTO published_in
             (scope, scope_id, article_id, revision, kind, locale, visible_from, visible_until, published_at)
         SELECT $1, $2, article_id, revision, kind, locale, visible_from, visible_until, published_at
         FROM published_articles WHERE article_id = $3 ON CONFLICT DO NOTHING",
    )
    .bind::<Text, _>(scope)
    .bind::<Text, _>(scope_id)
    .bind::<Text, _>(id.to_string())
    .execute(conn)?;
    diesel::sql_query(
        "INSERT INTO published_in
             (scope, scope_id, article_id, revision, kind, locale, visible_from, visible_until, published_at)
         SELECT 'subtree', up.id, article.article_id, article.revision, article.kind, article.locale,
             article.visible_from, article.visible_until, article.published_at
         FROM published_articles article, categories own, categories up
         WHERE $1 = 'category' AND own.id = $2 AND article.article_id = $3
             AND (own.path = up.path OR substr(own.path, 1, length(up.path) + 1) = up.path || '/')
         ON CONFLICT DO NOTHING",
    )
    .bind::<Text, _>(scope)
    .bind::<Text, _>(scope_id)
    .bind::<Text, _>(id.to_string())
    .execute(conn)?;
    Ok(())
}
