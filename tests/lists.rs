//! Lists at size: each page is one range of an index, at any depth, in both orders, and holds every article once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use diesel::RunQueryDsl;
use diesel::connection::{Connection, InstrumentationEvent};
use http::Config;
use persistence::Conn;
use persistence::published::{self, Filters, Position, View};
use serde_json::{Value, json};

use crate::support::{App, Engine, both};

/// How many articles `fill` writes.
const ARTICLES: i64 = 12_000;

/// What articles are listed under: a category, one below it, two tags of which each article but the oldest has one, and
/// a byline.
pub(crate) struct Filled {
    pub(crate) above: String,
    pub(crate) below: String,
    pub(crate) tags: [String; 2],
    pub(crate) byline: String,
}

/// Writes many articles into the read model, three at a time at the same moment; every tenth is in German.
pub(crate) async fn fill(app: &App) -> Filled {
    let mut admin = app.admin();
    let mut make = async |path: &str, body: Value| admin.post(path, body).await.expect(201).id();
    let above = make("/v1/admin/categories", json!({"name": "Above", "slug": "above"})).await;
    let below = make("/v1/admin/categories", json!({"name": "Below", "slug": "below", "parent_id": above})).await;
    let even = make("/v1/admin/tags", json!({"name": "Even", "slug": "even"})).await;
    let odd = make("/v1/admin/tags", json!({"name": "Odd", "slug": "odd"})).await;
    let byline = make("/v1/admin/bylines", json!({"name": "Ann", "slug": "ann"})).await;
    let filled = Filled { above, below, tags: [even, odd], byline };
    let now = app.now().micros();
    let summary = json!({"title": "T", "excerpt": "E", "cover_image": null, "seo": {}, "custom": {}, "word_count": 1,
        "reading_minutes": 1, "byline_ids": [filled.byline], "category_ids": [filled.below], "tag_ids": [filled.tags[0]]});
    app.execute(&format!(
        "INSERT INTO published_articles (article_id, revision, kind, group_id, locale, slug, visible_from, visible_until,
             published_at, updated_at, comments_open, summary, body, search_id)
         WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {ARTICLES}),
             a (i, id, at) AS (SELECT i, '00000000-0000-7000-8000-' || substr(CAST(1000000000000 + i AS TEXT), 2),
                 {now} - ({ARTICLES} - i) / 3 * 60000000 FROM n)
         SELECT id, 1, 'article', id, CASE WHEN i % 10 = 0 THEN 'de' ELSE 'en' END, 'a-' || i, at, {never}, at, at, true,
             '{summary}', '{{\"body_html\": \"<p>B</p>\", \"toc\": []}}', i FROM a",
        never = i64::MAX,
    ));
    let under = |scope: &str, id: &str, which: &str| {
        app.execute(&format!(
            "INSERT INTO published_in
                 (scope, scope_id, article_id, revision, kind, locale, visible_from, visible_until, published_at)
             SELECT '{scope}', '{id}', article_id, revision, kind, locale, visible_from, visible_until, published_at
             FROM published_articles WHERE {which}"
        ));
    };
    under("subtree", &filled.above, "true");
    under("subtree", &filled.below, "search_id % 2 = 0");
    under("category", &filled.below, "search_id % 2 = 0");
    under("tag", &filled.tags[0], "search_id % 2 = 0 OR search_id = 1");
    under("tag", &filled.tags[1], "search_id % 2 = 1");
    under("byline", &filled.byline, "search_id % 3 = 0");
    app.execute(match app.engine {
        Engine::Sqlite => "INSERT INTO article_words (rowid, title) VALUES (6, 'oven'), (9, 'oven')",
        Engine::Postgres => "INSERT INTO article_words (id, words) VALUES (6, 'oven'), (9, 'oven')",
    });
    if app.engine == Engine::Postgres {
        app.execute("ANALYZE");
    }
    filled
}

/// The text of each query that `work` runs, with what was bound.
pub(crate) fn queries(conn: &mut Conn, work: impl FnOnce(&mut Conn)) -> Vec<(String, Vec<Value>)> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::clone(&seen);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            recorder.lock().unwrap().push(query.to_string());
        }
    });
    work(conn);
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    let seen = seen.lock().unwrap().clone();
    // PostgreSQL's settings within a transaction are no queries.
    let parts = seen
        .iter()
        .filter(|query| query.starts_with("SELECT"))
        .map(|query| query.split_once("-- binds: ").unwrap_or((query, "[]")));
    let read = |binds: &str| serde_json::from_str(&binds.replace("None", "null")).unwrap();
    parts.map(|(text, binds)| (text.trim().to_owned(), read(binds))).collect()
}

/// The plan that the engine makes for a query.
pub(crate) fn plan(conn: &mut Conn, text: &str, binds: &[Value]) -> String {
    #[derive(diesel::QueryableByName)]
    struct Step {
        #[diesel(sql_type = diesel::sql_types::Text, column_name = "detail")]
        sqlite: String,
    }
    #[derive(diesel::QueryableByName)]
    struct Line {
        #[diesel(sql_type = diesel::sql_types::Text, column_name = "QUERY PLAN")]
        postgres: String,
    }
    match conn {
        Conn::Sqlite(c) => {
            let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {text}")).load(c).unwrap();
            steps.into_iter().map(|step| step.sqlite).collect::<Vec<_>>().join("\n")
        }
        Conn::Postgres(c) => {
            // As where the data is in memory or on a solid state disk.
            diesel::sql_query("SET random_page_cost = 1.1").execute(c).unwrap();
            let kinds = binds.iter().map(|bind| match bind {
                Value::Number(_) => "BIGINT",
                Value::Bool(_) => "BOOLEAN",
                Value::Array(_) => "TEXT[]",
                _ => "TEXT",
            });
            let kinds = kinds.collect::<Vec<_>>().join(", ");
            diesel::sql_query(format!("PREPARE asked ({kinds}) AS {text}").replace(" ()", "")).execute(c).unwrap();
            let written = |bind: &Value| match bind {
                Value::String(text) => format!("'{}'", text.replace('\'', "''")),
                Value::Array(texts) => format!("'{}'", json!(texts).to_string().replace('[', "{").replace(']', "}")),
                other => other.to_string(),
            };
            let binds: Vec<String> = binds.iter().map(written).collect();
            let execute = format!("EXPLAIN EXECUTE asked ({})", binds.join(", ")).replace(" ()", "");
            let lines: Vec<Line> = diesel::sql_query(execute).load(c).unwrap();
            diesel::sql_query("DEALLOCATE asked").execute(c).unwrap();
            lines.into_iter().map(|line| line.postgres).collect::<Vec<_>>().join("\n")
        }
    }
}

pub(crate) fn view(app: &App) -> View {
    let public_url = Config::new("http://cms.example.org/".parse().unwrap()).public_url;
    View { public_url, now: app.now(), forms: std::sync::Arc::default() }
}

/// Makes sure that the plan reads no published table as a whole, and sorts nothing.
pub(crate) fn check(plan: &str, what: &str) {
    for line in plan.lines() {
        let whole = line.contains("Seq Scan on published") || line.starts_with("SCAN published");
        let sorts = line.contains("Sort") || line.contains("TEMP B-TREE FOR ORDER BY");
        assert!(!whole && !sorts, "{what} is not one range of an index:\n{plan}");
    }
}

both! {
    async fn every_list_is_one_range_of_an_index(app: App) {
        fill(&app).await;
        let (view, now) = (view(&app), app.now());
        let by = |change: fn(&mut Filters)| {
            let mut filters = Filters::default();
            change(&mut filters);
            filters
        };
        let mut lists = vec![
            by(|_| ()),
            by(|filters| filters.category = Some("below".into())),
            by(|filters| (filters.category, filters.subtree) = (Some("above".into()), true)),
            by(|filters| filters.tag = Some("odd".into())),
            by(|filters| filters.byline = Some("ann".into())),
            by(|filters| (filters.tag, filters.byline) = (Some("odd".into()), Some("ann".into()))),
        ];
        for locale in ["de", "*"] {
            let more: Vec<_> = lists.iter().take(5).cloned().collect();
            lists.extend(more.into_iter().map(|filters| Filters { locale: Some(locale.into()), ..filters }));
        }
        lists.push(by(|filters| (filters.q, filters.byline) = (Some("oven".into()), Some("ann".into()))));
        let more: Vec<_> = lists.iter().take(6).cloned().collect();
        lists.extend(more.into_iter().map(|filters| Filters {
            published_after: Some(now.plus_seconds(-90_000)),
            published_before: Some(now.plus_seconds(-60)),
            ..filters
        }));
        let more = lists.clone();
        lists.extend(more.into_iter().map(|filters| Filters { oldest_first: true, ..filters }));
        let deep: Position = (now.plus_seconds(-100_000).micros(), domain::ids::ArticleId::new());
        app.data.db.read_blocking(|conn| {
            for filters in &lists {
                // Where most rows are counted, PostgreSQL rightly reads them all.
                for (after, with_total) in [(None, app.engine == Engine::Sqlite), (Some(deep), false)] {
                    let work = |conn: &mut Conn| {
                        published::list(conn, &view, filters, (after, 11), (false, with_total)).unwrap();
                    };
                    let queries = queries(conn, work);
                    let plans: Vec<String> = queries.iter().map(|(text, binds)| plan(conn, text, binds)).collect();
                    for ((text, _), plan) in queries.iter().zip(&plans) {
                        // Few words are looked for by their index, found as they are, and put into order here.
                        if !text.contains("article_words") {
                            check(plan, &format!("{filters:?} after {after:?}\n{text}"));
                        }
                        let by_number = plan.contains("published_articles_search_id");
                        assert_eq!(by_number, text.contains("search_id") && text.contains(" IN ("), "{text}\n{plan}");
                    }
                    if filters.q.is_some() {
                        continue;
                    }
                    // `Db::peek` has one plan for all values.
                    if app.engine == Engine::Postgres && filters.is_one_range() {
                        diesel::sql_query("SET plan_cache_mode = force_generic_plan").execute(conn).unwrap();
                        for (text, binds) in &queries {
                            check(&plan(conn, text, binds), &format!("for all values: {filters:?} after {after:?}\n{text}"));
                        }
                        diesel::sql_query("RESET plan_cache_mode").execute(conn).unwrap();
                    }
                    let ranges = ["(published_at,article_id)<(", "(published_at,article_id)>(", "(ROW("];
                    let goes_on = plans.iter().any(|plan| ranges.iter().any(|range| plan.contains(range)));
                    // What nearly every list is asks for the beginning as for what comes after a position.
                    let plain = filters.is_one_range()
                        && filters.locale.as_deref() != Some("*")
                        && filters.published_after.is_none()
                        && !filters.oldest_first;
                    assert_eq!(goes_on, after.is_some() || plain, "{filters:?} after {after:?}\n{plans:#?}");
                }
            }
            Ok(())
        }).unwrap();
    }

    async fn pages_hold_every_article_once(app: App) {
        fill(&app).await;
        let mut reader = app.anyone();
        for (filters, total) in [
            ("tag=odd&byline=ann", 2_000), ("tag=even&category=below&locale=*", 6_000), ("category=above&subtree=true", 10_800),
            ("category=above&subtree=true&tag=odd&locale=en", 6_000), ("locale=de", 1_200), ("byline=ann&locale=*", 4_000),
        ] {
            for sort in ["-published_at", "published_at"] {
                let mut path = format!("/v1/articles?{filters}&sort={sort}&fields=id,published_at&limit=100&count=true");
                let first = path.clone();
                let mut seen: Vec<(String, String)> = Vec::new();
                loop {
                    let page = reader.get(&path).await.expect(200).json();
                    assert_eq!(page["page"]["total"], total, "{filters}");
                    let text = |value: &Value| value.as_str().unwrap().to_owned();
                    seen.extend(page["data"].as_array().unwrap().iter().map(|one| (text(&one["published_at"]), text(&one["id"]))));
                    let Some(next) = page["page"]["next"].as_str() else { break };
                    assert_eq!(page["data"].as_array().unwrap().len(), 100);
                    path = format!("{first}&cursor={next}");
                    if seen.len() >= 1_500 {
                        break;
                    }
                }
                let mut sorted = seen.clone();
                sorted.sort();
                if sort == "-published_at" {
                    sorted.reverse();
                }
                assert!(seen == sorted, "{filters} {sort} is not in order");
                assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len());
                assert_eq!(seen.len(), total.min(1_500));
            }
        }
    }

    async fn a_page_that_looked_at_too_much_goes_on(app: App) {
        let filled = fill(&app).await;
        // The byline stands under every other article, the tag under those between and the oldest.
        app.execute("DELETE FROM published_in WHERE scope = 'byline'");
        app.execute(&format!("INSERT INTO published_in
                 (scope, scope_id, article_id, revision, kind, locale, visible_from, visible_until, published_at)
             SELECT 'byline', '{}', article_id, revision, kind, locale, visible_from, visible_until, published_at
             FROM published_articles WHERE search_id % 2 = 1", filled.byline));
        let mut reader = app.anyone();
        let mut path = "/v1/articles?tag=even&byline=ann&locale=*&fields=slug".to_owned();
        let mut pages = Vec::new();
        loop {
            let page = reader.get(&path).await.expect(200).json();
            pages.push(page["data"].as_array().unwrap().len());
            let Some(next) = page["page"]["next"].as_str() else { break };
            path = format!("/v1/articles?tag=even&byline=ann&locale=*&fields=slug&cursor={next}");
        }
        assert_eq!(pages, [0, 1]);
    }

    async fn what_is_related_shares_most_and_is_public(app: App) {
        let mut admin = app.admin();
        let mut make = async |path: &str, name: &str| {
            admin.post(path, json!({"name": name, "slug": name})).await.expect(201).id()
        };
        let (oven, flour) = (make("/v1/admin/tags", "oven").await, make("/v1/admin/tags", "flour").await);
        let shelf = make("/v1/admin/categories", "shelf").await;
        let mut write = async |slug: &str, tags: &[&str], categories: &[&str], publish: bool| {
            let write = json!({"title": slug, "slug": slug, "tag_ids": tags, "category_ids": categories});
            let path = admin.post("/v1/admin/articles", write).await.expect(201).header("location").unwrap();
            if publish {
                admin.act(&format!("{path}/publish")).await.expect(200);
            }
            app.pass(1);
            path
        };
        write("one", &[&oven, &flour], &[&shelf], true).await;
        write("a-label", &[&oven], &[], true).await;
        write("a-shelf", &[], &[&shelf], true).await;
        write("both-labels", &[&oven, &flour], &[], true).await;
        write("draft", &[&oven, &flour], &[&shelf], false).await;
        write("another", &[], &[], true).await;
        let newest = write("newest-shelf", &[], &[&shelf], true).await;
        let mut reader = app.anyone();
        let mut related = async |query: &str| -> Vec<String> {
            let whole = reader.get(&format!("/v1/articles/one?include=related{query}")).await.expect(200).json();
            let slug = |article: &Value| article["slug"].as_str().unwrap().to_owned();
            whole["related"].as_array().unwrap().iter().map(slug).collect()
        };
        assert_eq!(related("").await, ["both-labels", "a-label", "newest-shelf", "a-shelf"]);
        admin.act(&format!("{newest}/unpublish")).await.expect(200);
        assert_eq!(related("").await, ["both-labels", "a-label", "a-shelf"]);
        assert_eq!(related("&fields=title").await.len(), 3);
        let alone = reader.get("/v1/articles/another?include=related").await.expect(200).json();
        assert_eq!(alone["related"], json!([]));
        let plain = reader.get("/v1/articles/one?include=body").await.expect(200).json();
        assert_eq!((plain.get("related"), plain.get("comments")), (None, None));
        reader.get("/v1/articles/one?include=friends").await.expect(400);
    }

    async fn an_article_with_a_scheduled_revision_is_listed_once(app: App) {
        let mut editor = app.editor();
        let category = editor.post("/v1/admin/categories", json!({"name": "News"})).await.expect(201).id();
        let write = json!({"title": "Old", "slug": "one", "category_ids": [category]});
        let path = editor.post("/v1/admin/articles", write).await.expect(201).header("location").unwrap();
        editor.act(&format!("{path}/publish")).await.expect(200);
        app.pass(10);
        editor.patch(&path, json!({"title": "New"})).await.expect(200);
        editor.post(&format!("{path}/schedule"), json!({"publish_at": "2026-11-23T10:00:00Z"})).await.expect(200);
        let mut reader = app.anyone();
        for title in ["Old", "New"] {
            for filters in ["", "&category=news", "&category=news&subtree=true", "&q=old+OR+new", "&q=one"] {
                let page = reader.get(&format!("/v1/articles?count=true&fields=title{filters}")).await.expect(200).json();
                let expected = if filters.contains("q=") { json!([]) } else { json!([{"title": title}]) };
                assert_eq!(page["data"], expected, "{filters}");
                assert_eq!(page["page"]["total"], expected.as_array().unwrap().len());
            }
            for (q, found) in [("old", title == "Old"), ("new", title == "New")] {
                let page = reader.get(&format!("/v1/articles?count=true&q={q}&category=news")).await.expect(200).json();
                assert_eq!((page["data"].as_array().unwrap().len(), &page["page"]["total"]), (usize::from(found), &json!(usize::from(found))));
            }
            app.pass(3_600);
        }
    }
}
