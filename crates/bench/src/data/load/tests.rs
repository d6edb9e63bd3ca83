//! What is loaded must be what publishing leaves: the same rows in every table, and the same documents.

use std::collections::BTreeMap;

use diesel::QueryableByName;
use domain::Seen;
use domain::bylines::BylineWrite;
use domain::categories::CategoryWrite;
use domain::comments::TransitionWrite;
use domain::ids::{ArticleId, CommentId};
use domain::tags::TagWrite;
use persistence::{articles, bylines, categories, comments, moderation, published_comments, tags};
use serde_json::json;

use super::*;
use crate::machine::{Cluster, Cores};

const SIZE: Size = Size { articles: 1, seed: 7 };

/// Publishes the same through the operations that the API calls.
fn publish(url: &DatabaseUrl) -> (Db, Secrets) {
    let db = Db::open(&Options { url: url.clone(), create: true, connections: 1 }).unwrap();
    migrations::run(&db).unwrap();
    let publication = Publication::new(SIZE.seed, SIZE.articles);
    let secrets = Secrets::generate().unwrap();
    let by = found(&db, &publication).unwrap();
    let founded = publication.founded;
    db.write_blocking(|conn| {
        let mut ids = BTreeMap::new();
        for node in &publication.categories {
            let write = CategoryWrite {
                slug: Some(node.slug.clone()),
                name: Some(node.name.clone()),
                parent_id: node.parent.map(|parent| ids[&publication.categories[parent].id]),
                position: Some(i32::try_from(node.position)?),
                ..CategoryWrite::default()
            };
            let made = categories::create(conn, &by, &write.check()?, founded)?;
            ids.insert(node.id.clone(), made.id);
        }
        let mut labels = BTreeMap::new();
        for tag in &publication.tags {
            let write = TagWrite {
                slug: Some(tag.slug.clone()),
                name: Some(tag.name.clone()),
                description: None,
                internal: None,
            };
            labels.insert(tag.id.clone(), tags::create(conn, &by, &write.check()?, founded)?.id);
        }
        let mut writers = BTreeMap::new();
        for byline in &publication.bylines {
            let (slug, name) = (Some(byline.slug.clone()), Some(byline.name.clone()));
            let write = BylineWrite { slug, name, ..BylineWrite::default() };
            writers.insert(byline.id.clone(), bylines::create(conn, &by, &write.check()?, founded)?.id);
        }
        let article = publication.article(0).map_err(|failure| domain::Error::Internal(failure.0))?;
        let mut write = article.write;
        for id in write.category_ids.iter_mut().flatten() {
            *id = ids[&id.to_string()];
        }
        for id in write.tag_ids.iter_mut().flatten() {
            *id = labels[&id.to_string()];
        }
        for id in write.byline_ids.iter_mut().flatten() {
            *id = writers[&id.to_string()];
        }
        let id = articles::create(conn, &by, write.check()?, article.created_at)?;
        articles::publish(conn, &by, id, &Seen::Any, article.published_at)?;
        comment_on(conn, &publication, &by, &secrets)
    })
    .unwrap();
    (db, secrets)
}

fn comment_on(conn: &mut Conn, publication: &Publication, by: &Actor, secrets: &Secrets) -> domain::Result<()> {
    let mut left: Vec<CommentId> = Vec::new();
    for number in 0..publication.comments {
        let comment = publication.comment(number).map_err(|failure| domain::Error::Internal(failure.0))?;
        let mut write = comment.write;
        write.parent_id = comment.parent.map(|parent| left[usize::try_from(parent).unwrap()]);
        let at = comment.created_at;
        let article = published_comments::article(conn, &super::super::slug(comment.article), None, at)?;
        let id = comments::submit(conn, secrets, article, &write.check()?, comments::Origin::default(), at)?;
        let decision = TransitionWrite { to: Some("approved".into()), reason_code: None, note: None };
        moderation::transition(conn, by, secrets, id, &Seen::Any, &decision, comment.decided_at)?;
        left.push(id);
    }
    Ok(())
}

/// Every row of every table as JSON, without what differs from one database to another: identities, and what was
/// made with other keys.
fn tables(db: &Db) -> BTreeMap<String, Vec<String>> {
    #[derive(QueryableByName)]
    struct Name {
        #[diesel(sql_type = Text)]
        name: String,
    }
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        row: String,
    }
    db.read_blocking(|conn| {
        let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'
             AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '%\\_words\\_%' ESCAPE '\\'
             AND name NOT LIKE '\\_\\_%' ESCAPE '\\' UNION SELECT 'article_words' UNION SELECT 'title_words'";
        let tables: Vec<Name> = diesel::sql_query(tables).load(conn)?;
        let mut all = BTreeMap::new();
        // Users have salts; the log of changes has an identity of its own, and of an old publication it was pruned.
        let others = ["users", "change_log", "changes"];
        for Name { name } in tables.into_iter().filter(|table| !others.contains(&table.name.as_str())) {
            let columns: Vec<Name> =
                diesel::sql_query(format!("SELECT name FROM pragma_table_info('{name}')")).load(conn)?;
            let members: Vec<String> =
                columns.iter().map(|column| format!("'{}', \"{}\"", column.name, column.name)).collect();
            let rows: Vec<Row> =
                diesel::sql_query(format!("SELECT json_object({}) AS row FROM {name}", members.join(", ")))
                    .load(conn)?;
            let mut rows: Vec<String> = rows.iter().map(|row| anonymous(&row.row)).collect();
            rows.sort();
            all.insert(name, rows);
        }
        Ok(all)
    })
    .unwrap()
}

/// Puts `ID` in the place of every identity, and `KEYED` in the place of what depends on the publication's keys.
fn anonymous(row: &str) -> String {
    let mut row: Value = serde_json::from_str(row).unwrap();
    for keyed in ["email_hmac", "avatar_seed", "ghost_id"] {
        if let Some(value) = row.get_mut(keyed) {
            *value = json!("KEYED");
        }
    }
    let text = row.to_string();
    let mut rest = text.as_str();
    let mut shown = String::new();
    while let Some(next) = rest.chars().next() {
        if rest.get(..36).is_some_and(|start| start.parse::<ArticleId>().is_ok()) {
            shown.push_str("ID");
            rest = &rest[36..];
        } else {
            shown.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    shown
}

#[test]
fn loading_leaves_what_publishing_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| DatabaseUrl::Sqlite(folder.path().join(name));
    generate(&url("loaded.db"), &folder.path().join("secrets.json"), SIZE).unwrap();
    let loaded = Db::open(&Options { url: url("loaded.db"), create: false, connections: 1 }).unwrap();
    let (published, _) = publish(&url("published.db"));
    let (loaded, published) = (tables(&loaded), tables(&published));
    assert_eq!(loaded.keys().collect::<Vec<_>>(), published.keys().collect::<Vec<_>>());
    for (table, rows) in published {
        assert_eq!(loaded[&table], rows, "{table}");
    }
    assert_eq!(loaded["published_comments"].len(), 5);
    assert!(loaded["published_in"].len() >= 6 && loaded["article_words"].len() == 1);
}

#[test]
fn what_is_loaded_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("loaded.db"));
    generate(&url, &folder.path().join("secrets.json"), Size { articles: 60, seed: 7 }).unwrap();
    let db = Db::open(&Options { url, create: false, connections: 1 }).unwrap();
    let view = published::View {
        public_url: "http://localhost/".parse().unwrap(),
        now: domain::Timestamp::now(),
        forms: std::sync::Arc::default(),
    };
    let list = |filters: &published::Filters| {
        db.read_blocking(|conn| published::list(conn, &view, filters, (None, 100), (false, true)))
            .unwrap()
            .total
            .unwrap()
    };
    assert_eq!(list(&published::Filters::default()), 60);
    let [first, second] = super::super::Pair::all().next().unwrap().terms();
    let q = |q: String| published::Filters { q: Some(q), ..published::Filters::default() };
    assert_eq!(list(&q(format!("{first} {second}"))), 50);
    assert_eq!(list(&q(super::super::COMMON.into())), 3);
    let roots = super::super::categories()[0].clone();
    let under = |category: String| published::Filters { category: Some(category), subtree: true, ..Default::default() };
    assert!(roots.into_iter().map(|root| list(&under(root))).sum::<i64>() >= 60);
}

#[test]
fn nothing_refers_to_what_is_not_there() {
    #[derive(QueryableByName)]
    struct Broken {
        #[diesel(sql_type = Text)]
        table: String,
    }
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("loaded.db"));
    generate(&url, &folder.path().join("secrets.json"), SIZE).unwrap();
    let db = Db::open(&Options { url, create: false, connections: 1 }).unwrap();
    let check = "SELECT \"table\" FROM pragma_foreign_key_check";
    let broken: Vec<Broken> = db.read_blocking(|conn| Ok(diesel::sql_query(check).load(conn)?)).unwrap();
    assert!(broken.is_empty(), "{:?}", broken.iter().map(|row| &row.table).collect::<Vec<_>>());
}

#[test]
fn postgres_is_loaded_alike() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(Cores::find().unwrap(), &folder.path().join("postgres")).unwrap();
    let size = Size { articles: 3, seed: 7 };
    generate(&cluster.url("postgres").parse().unwrap(), &folder.path().join("postgres.json"), size).unwrap();
    let sqlite = DatabaseUrl::Sqlite(folder.path().join("loaded.db"));
    generate(&sqlite, &folder.path().join("sqlite.json"), size).unwrap();
    let sqlite = tables(&Db::open(&Options { url: sqlite, create: false, connections: 1 }).unwrap());
    for (table, rows) in &sqlite {
        let count = cluster.psql(&format!("SELECT count(*) FROM {table}")).unwrap();
        assert_eq!(count, rows.len().to_string(), "{table}");
    }
    let titles = cluster.psql("SELECT string_agg(title, ', ' ORDER BY slug) FROM articles").unwrap();
    let wanted = (0..3).map(|number| Publication::new(7, 3).article(number).unwrap().write.title.unwrap());
    assert_eq!(titles, wanted.collect::<Vec<_>>().join(", "));
    let indexes = cluster.psql("SELECT count(*) FROM pg_indexes WHERE indexname = 'published_in_locale'").unwrap();
    assert_eq!(indexes, "1", "indexes are made again");
}
