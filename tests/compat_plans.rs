//! WordPress's and Ghost's APIs at size: what is named is looked up, and lists are ranges of indexes, on both engines.

use http::Config;
use persistence::Conn;
use persistence::ghost::{self, Filter, PostCondition, PostField, Relation, TermField, Test, What};
use persistence::published::View;
use persistence::wordpress::{self, CommentQuery, PostQuery, Slice, TermFilter, Which};
use persistence::wordpress_ids::{self, Numbered};

use crate::lists::{Filled, check, fill, plan, queries, view};
use crate::support::{App, Engine, both};

/// The read model of `tests/lists.rs`, with numbers, Ghost's identities, and three comments on each article.
async fn fill_all(app: &App) -> Filled {
    let filled = fill(app).await;
    let comment = "'00000000-0000-7000-' || n.i || '000-' || substr(article_id, 25)";
    for statement in [
        "INSERT INTO wordpress_ids (family, number, resource, id)
         SELECT 'post', search_id, 'article', article_id FROM published_articles",
        "INSERT INTO ghost_ids (kind, ghost_id, id)
         SELECT 'article', '0123456789ab' || substr(article_id, 25), article_id FROM published_articles",
        &format!(
            "INSERT INTO published_comments (id, article_id, root_id, depth, tombstone, author_name, author_role,
                 avatar_seed, html, text, created_at)
             SELECT {comment}, article_id, {comment}, 0, false, 'Ann', 'reader', 's', '<p>T</p>', 'T', visible_from
             FROM published_articles, (SELECT 1 AS i UNION ALL SELECT 2 UNION ALL SELECT 3) AS n"
        ),
        "INSERT INTO wordpress_ids (family, number, resource, id)
         SELECT 'comment', row_number() OVER (ORDER BY id), 'comment', id FROM published_comments",
    ] {
        app.execute(statement);
    }
    if app.engine == Engine::Postgres {
        app.execute("ANALYZE");
    }
    filled
}

/// Every query of some work, with its plan.
fn plans(conn: &mut Conn, work: impl FnOnce(&mut Conn)) -> Vec<(String, String)> {
    let queries = queries(conn, work);
    queries.into_iter().map(|(text, binds)| (plan(conn, &text, &binds), text)).collect()
}

/// Makes sure that a plan begins at what is named: it walks over no table, nor over all of a kind or a scope.
fn check_looked_up(plan: &str, what: &str) {
    let walks =
        ["Seq Scan on published", "SCAN published", "published_articles_all", "published_articles_locale", "(scope=?)"];
    let walks =
        plan.lines().filter(|line| !line.contains("Heap")).any(|line| walks.iter().any(|walk| line.contains(walk)));
    assert!(!walks, "{what} is not looked up:\n{plan}");
}

/// Makes sure that what is asked of each article is looked up by the article.
fn check_each(plan: &str, what: &str) {
    let lines: Vec<&str> = plan.lines().collect();
    let asked =
        lines.windows(2).filter(|lines| lines[0].contains("CORRELATED")).all(|lines| lines[1].contains("article_id=?"));
    assert!(asked, "{what} walks over a range for each article:\n{plan}");
}

const PAGE: Slice = Slice { offset: 0, limit: 10 };

/// A condition on posts of Ghost's API.
fn own(field: PostField, what: What) -> Filter<PostCondition> {
    Filter::Is(PostCondition::Own(field, Test { not: false, what }))
}

fn tagged(slug: &str) -> Filter<PostCondition> {
    Filter::Is(PostCondition::Tags(TermField::Slug, Test { not: false, what: What::OneOf(vec![slug.to_owned()]) }))
}

fn ghost_posts(conn: &mut Conn, view: &View, filter: Filter<PostCondition>) -> i64 {
    let settings = persistence::site::settings(conn).unwrap();
    let query = ghost::PostQuery {
        kind: domain::articles::Kind::Article,
        any_locale: false,
        filter,
        order: ghost::PostOrder::By(vec![(PostField::PublishedAt, true)]),
        with_body: true,
    };
    ghost::posts(conn, view, &settings, &query, PAGE).unwrap().total
}

fn posts(conn: &mut Conn, view: &View, query: &PostQuery) -> i64 {
    let settings = persistence::site::settings(conn).unwrap();
    wordpress::posts(conn, view, &settings, query, PAGE).unwrap().total
}

both! {
    async fn what_is_named_costs_what_it_returns(app: App) {
        let filled = fill_all(&app).await;
        let view = view(&app);
        app.data.db.read_blocking(|conn| {
            let number = |conn: &mut Conn, sort, id: &str| wordpress_ids::of(conn, sort, id).unwrap().unwrap();
            let odd = number(conn, Numbered::Tag, &filled.tags[1]);
            let [above, below] = [&filled.above, &filled.below].map(|id| number(conn, Numbered::Category, id));
            let term = |number| Some(TermFilter { terms: vec![number], ..TermFilter::default() });
            let named = [
                (PostQuery { include: Some(vec![77, 78]), ..PostQuery::default() }, 2),
                (PostQuery { include: Some(vec![77]), any_locale: true, ..PostQuery::default() }, 1),
                (PostQuery { slugs: Some(vec!["a-77".into()]), ..PostQuery::default() }, 1),
                (PostQuery { slugs: Some(vec!["a-77".into()]), tags: term(odd), ..PostQuery::default() }, 1),
                (PostQuery { slugs: Some(vec!["a-77".into()]), categories: term(below), ..PostQuery::default() }, 0),
            ];
            for (query, total) in named {
                for (plan, text) in plans(conn, |conn| assert_eq!(posts(conn, &view, &query), total, "{query:?}")) {
                    check_looked_up(&plan, &text);
                }
            }
            let filters = [
                own(PostField::Id, What::OneOf(vec!["0123456789ab000000000077".into()])),
                own(PostField::Slug, What::OneOf(vec!["a-77".into(), "a-79".into()])),
                Filter::All(vec![own(PostField::Slug, What::OneOf(vec!["a-77".into()])), tagged("odd")]),
            ];
            for filter in filters {
                let work = |conn: &mut Conn| assert!((1..=2).contains(&ghost_posts(conn, &view, filter.clone())), "{filter:?}");
                for (plan, text) in plans(conn, work) {
                    check_looked_up(&plan, &text);
                }
            }
            let several = [
                PostQuery { categories: term(below), tags: term(odd), ..PostQuery::default() },
                PostQuery { categories: Some(TermFilter { terms: vec![below, above], ..TermFilter::default() }), ..PostQuery::default() },
                PostQuery { categories_exclude: TermFilter { terms: vec![below, above], ..TermFilter::default() }, ..PostQuery::default() },
            ];
            for (query, total) in several.into_iter().zip([0, 4_800, 6_000]) {
                for (plan, text) in plans(conn, |conn| assert_eq!(posts(conn, &view, &query), total, "{query:?}")) {
                    check_each(&plan, &text);
                }
            }
            let test = Test { not: false, what: What::OneOf(vec!["below".into()]) };
            let primary = Filter::Is(PostCondition::PrimaryTag(TermField::Slug, test));
            for (plan, text) in plans(conn, |conn| assert_eq!(ghost_posts(conn, &view, primary.clone()), 4_800)) {
                check_each(&plan, &text);
            }
            let of_one = CommentQuery { posts: Some(vec![77]), ..CommentQuery::default() };
            let replies = CommentQuery { parents: Some(vec![5]), ..CommentQuery::default() };
            let one = CommentQuery { include: Some(vec![5]), ..CommentQuery::default() };
            for (query, total) in [(of_one, 3), (replies, 0), (one, 1)] {
                let work = |conn: &mut Conn| {
                    assert_eq!(wordpress::comments(conn, &view, &query, PAGE).unwrap().1, total, "{query:?}");
                };
                for (plan, text) in plans(conn, work) {
                    check_looked_up(&plan, &text);
                }
            }
            let article = wordpress::named(conn, Numbered::Article, &[77]).unwrap().remove(&77).unwrap().1;
            let work = |conn: &mut Conn| {
                let under = wordpress::listed_under(conn, "tag", &article, view.now).unwrap();
                assert_eq!(wordpress::tags(conn, Which::Ids(under)).unwrap().len(), 1);
                assert_eq!(wordpress::latest_comments(conn, vec![article.clone()]).unwrap()[&article].len(), 3);
            };
            for (plan, text) in plans(conn, work) {
                check_looked_up(&plan, &text);
            }
            Ok(())
        }).unwrap();
    }

    async fn lists_that_are_counted_are_ranges_too(app: App) {
        let filled = fill_all(&app).await;
        app.data.db.read_blocking(|conn| {
            let number = |conn: &mut Conn, sort, id: &str| wordpress_ids::of(conn, sort, id).unwrap().unwrap();
            let odd = number(conn, Numbered::Tag, &filled.tags[1]);
            let below = number(conn, Numbered::Category, &filled.below);
            let ann = number(conn, Numbered::Byline, &filled.byline);
            let term = |number| Some(TermFilter { terms: vec![number], ..TermFilter::default() });
            let now = app.now();
            let lists = [
                (PostQuery::default(), 10_800),
                (PostQuery { any_locale: true, ..PostQuery::default() }, 12_000),
                (PostQuery { ascending: true, exclude: vec![77, 78], ..PostQuery::default() }, 10_798),
                (PostQuery { before: Some(now), ..PostQuery::default() }, 10_798),
                (PostQuery { categories: term(below), ..PostQuery::default() }, 4_800),
                (PostQuery { tags: term(odd), ..PostQuery::default() }, 6_000),
                (PostQuery { authors: Some(vec![ann]), exclude: vec![78], ..PostQuery::default() }, 3_599),
            ];
            // Each looks with a memory of its own: there, everything is counted.
            let fresh = || View { public_url: Config::new("http://cms.example.org/".parse().unwrap()).public_url, ..view(&app) };
            let ranges = |conn: &mut Conn, what: &str, work: &dyn Fn(&mut Conn)| {
                for (plan, text) in plans(conn, work) {
                    // Where most rows are counted, PostgreSQL rightly reads them all. What is neither a page nor a count
                    // is about what was found.
                    let counts = text.to_lowercase().contains("count(*)");
                    if (counts && app.engine == Engine::Sqlite) || text.contains("LIMIT") {
                        check(&plan, &format!("{what}\n{text}"));
                    }
                }
            };
            for (query, total) in &lists {
                ranges(conn, &format!("{query:?}"), &|conn| assert_eq!(posts(conn, &fresh(), query), *total, "{query:?}"));
            }
            let before = |at| own(PostField::PublishedAt, What::Time(Relation::Until, at));
            let excluded = Test { not: true, what: What::OneOf(vec!["0123456789ab000000000078".into()]) };
            let lists = [
                (Filter::All(Vec::new()), 10_800),
                (tagged("odd"), 6_000),
                (Filter::All(vec![tagged("below"), Filter::Is(PostCondition::Own(PostField::Id, excluded))]), 4_799),
                (Filter::All(vec![tagged("odd"), before(now)]), 6_000),
            ];
            for (filter, total) in &lists {
                let work = |conn: &mut Conn| assert_eq!(ghost_posts(conn, &fresh(), filter.clone()), *total, "{filter:?}");
                ranges(conn, &format!("{filter:?}"), &work);
            }
            for ascending in [false, true] {
                let query = CommentQuery { ascending, ..CommentQuery::default() };
                let work = |conn: &mut Conn| assert_eq!(wordpress::comments(conn, &fresh(), &query, PAGE).unwrap().1, 36_000);
                for (plan, text) in plans(conn, work) {
                    let in_order = text.contains("count(*)") || !text.contains("ORDER BY") || plan.contains("published_comments_all");
                    assert!(in_order && !plan.contains("TEMP B-TREE FOR ORDER BY") && !plan.contains("Sort"), "{text}\n{plan}");
                }
            }
            Ok(())
        }).unwrap();
    }
}
