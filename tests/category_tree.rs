//! The category tree against a model of it: whatever is done to it, in whatever order or at once, it stays a tree, its
//! paths are made of slugs, and articles are listed under exactly the ancestors of their categories.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Barrier};

use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text};
use domain::categories::{Category, CategoryWrite};
use domain::ids::{ArticleId, CategoryId};
use domain::{Actor, Error, Result, Seen, Timestamp};
use persistence::taxonomy::Found;
use persistence::{Db, categories};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::{App, Engine, both, list_article, put_under};

const ARTICLES: usize = 4;

/// What is done. Numbers choose among the nodes that are there, in the order of their making, and go round.
#[derive(Debug, Clone)]
enum Step {
    Create { under: Option<usize>, slug: usize },
    Move { node: usize, under: Option<usize> },
    Rename { node: usize, slug: usize },
    Delete { node: usize },
    List { article: usize, node: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let under = || proptest::option::weighted(0.8, 0..12usize);
    let step = prop_oneof![
        4 => (under(), 0..14usize).prop_map(|(under, slug)| Step::Create { under, slug }),
        4 => (0..12usize, under()).prop_map(|(node, under)| Step::Move { node, under }),
        2 => (0..12usize, 0..14usize).prop_map(|(node, slug)| Step::Rename { node, slug }),
        1 => (0..12usize).prop_map(|node| Step::Delete { node }),
        3 => (0..ARTICLES, 0..12usize).prop_map(|(article, node)| Step::List { article, node }),
    ];
    proptest::collection::vec(step, 1..40)
}

fn slug(number: usize) -> String {
    // Slugs that begin alike, and one that sorts between a path and what is below it.
    ["a", "a-1", "aa", "b", "a0"].get(number).map_or_else(|| format!("s{number}"), |slug| (*slug).to_owned())
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    parent: Option<CategoryId>,
    slug: String,
}

/// What the tree should be, kept in the simplest way.
#[derive(Debug, Default)]
struct Model {
    nodes: BTreeMap<CategoryId, Node>,
    old_slugs: BTreeMap<String, CategoryId>,
    old_paths: BTreeMap<String, CategoryId>,
    listed: BTreeSet<(ArticleId, CategoryId)>,
}

impl Model {
    fn node(&self, number: usize) -> Option<CategoryId> {
        (!self.nodes.is_empty()).then(|| self.nodes.keys().nth(number % self.nodes.len()).copied()).flatten()
    }

    fn way(&self, id: CategoryId) -> Vec<CategoryId> {
        let above = self.nodes[&id].parent.map(|parent| self.way(parent)).unwrap_or_default();
        above.into_iter().chain([id]).collect()
    }

    fn path(&self, id: CategoryId) -> String {
        self.way(id).iter().map(|id| self.nodes[id].slug.as_str()).collect::<Vec<_>>().join("/")
    }

    fn below(&self, id: CategoryId) -> Vec<CategoryId> {
        self.nodes.keys().copied().filter(|other| self.way(*other).contains(&id)).collect()
    }

    fn levels(&self, id: CategoryId) -> usize {
        self.below(id).into_iter().map(|other| self.way(other).len() - self.way(id).len() + 1).max().unwrap()
    }

    fn taken(&self, slug: &str, own: Option<CategoryId>) -> bool {
        let holds = self.nodes.iter().any(|(id, node)| node.slug == slug && Some(*id) != own);
        holds || self.old_slugs.get(slug).is_some_and(|id| Some(*id) != own)
    }

    /// Why `node` may not be given this parent.
    fn refuses(&self, node: Option<CategoryId>, parent: Option<CategoryId>) -> Option<&'static str> {
        let above = parent.map(|parent| self.way(parent)).unwrap_or_default();
        if node.is_some_and(|node| above.contains(&node)) {
            return Some("category_cycle");
        }
        (above.len() + node.map_or(1, |node| self.levels(node)) > 8).then_some("category_too_deep")
    }

    fn change(&mut self, id: CategoryId, change: Node) {
        let before: Vec<_> = self.below(id).into_iter().map(|below| (below, self.path(below))).collect();
        let slug = self.nodes[&id].slug.clone();
        if slug != change.slug {
            self.old_slugs.remove(&change.slug);
            self.old_slugs.insert(slug, id);
        }
        self.nodes.insert(id, change);
        for (below, path) in before {
            if self.path(below) != path {
                self.old_paths.insert(path, below);
            }
        }
        self.forget_used();
    }

    fn forget_used(&mut self) {
        for id in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.old_paths.remove(&self.path(id));
        }
    }

    fn remove(&mut self, id: CategoryId) {
        self.nodes.remove(&id);
        self.old_slugs.retain(|_, of| *of != id);
        self.old_paths.retain(|_, of| *of != id);
        self.listed.retain(|(_, of)| *of != id);
    }
}

fn change(db: &Db, id: CategoryId, change: impl FnOnce(&mut CategoryWrite)) -> Result<Category> {
    let edit = |category: &Category| {
        let mut write = CategoryWrite::from(category);
        change(&mut write);
        write.check()
    };
    db.write_blocking(|conn| categories::update(conn, &Actor::system(), id, &Seen::Any, edit, Timestamp::now()))
}

fn code(outcome: Result<Category>) -> Option<&'static str> {
    match outcome {
        Ok(_) => None,
        Err(Error::Conflict { code, .. }) => Some(code),
        Err(error) => panic!("{error:?}"),
    }
}

/// Does a step to both; what the model refuses must be refused, with the same code.
fn take(db: &Db, model: &mut Model, articles: &[ArticleId], step: &Step) {
    match step {
        Step::Create { under, slug: number } => {
            let (slug, parent) = (slug(*number), under.and_then(|number| model.node(number)));
            let refused = if model.taken(&slug, None) { Some("slug_taken") } else { model.refuses(None, parent) };
            let write = CategoryWrite {
                name: Some("A name".into()),
                slug: Some(slug.clone()),
                parent_id: parent,
                ..CategoryWrite::default()
            };
            let draft = write.check().unwrap();
            let made = db.write_blocking(|conn| categories::create(conn, &Actor::system(), &draft, Timestamp::now()));
            if let Ok(made) = &made {
                model.nodes.insert(made.id, Node { parent, slug });
                model.forget_used();
            }
            assert_eq!(code(made), refused);
        }
        Step::Move { node, under } => {
            let Some(id) = model.node(*node) else { return };
            let parent = under.and_then(|number| model.node(number));
            let slug = model.nodes[&id].slug.clone();
            let moves = parent != model.nodes[&id].parent;
            let refused = if moves { model.refuses(Some(id), parent) } else { None };
            assert_eq!(code(change(db, id, |write| write.parent_id = parent)), refused);
            if refused.is_none() {
                model.change(id, Node { parent, slug });
            }
        }
        Step::Rename { node, slug: number } => {
            let Some(id) = model.node(*node) else { return };
            let (slug, parent) = (slug(*number), model.nodes[&id].parent);
            let refused = model.taken(&slug, Some(id)).then_some("slug_taken");
            assert_eq!(code(change(db, id, |write| write.slug = Some(slug.clone()))), refused);
            if refused.is_none() {
                model.change(id, Node { parent, slug });
            }
        }
        Step::Delete { node } => {
            let Some(id) = model.node(*node) else { return };
            let outcome =
                db.write_blocking(|conn| categories::delete(conn, &Actor::system(), id, &Seen::Any, Timestamp::now()));
            if model.below(id).len() > 1 {
                assert!(matches!(outcome, Err(Error::Conflict { code: "category_not_empty", .. })), "{outcome:?}");
            } else {
                outcome.unwrap();
                model.remove(id);
            }
        }
        Step::List { article, node } => {
            let Some(id) = model.node(*node) else { return };
            let article = articles[*article];
            db.write_blocking(|conn| put_under(conn, article, "category", &id.to_string())).unwrap();
            model.listed.insert((article, id));
        }
    }
}

#[derive(Debug, QueryableByName, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Nullable<Text>)]
    parent_id: Option<String>,
    #[diesel(sql_type = Text)]
    slug: String,
    #[diesel(sql_type = Text)]
    path: String,
    #[diesel(sql_type = Integer)]
    depth: i32,
}

#[derive(Debug, QueryableByName, PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    #[diesel(sql_type = Text)]
    scope: String,
    #[diesel(sql_type = Text)]
    scope_id: String,
    #[diesel(sql_type = Text)]
    article_id: String,
}

fn stored(db: &Db) -> (BTreeSet<Row>, BTreeSet<Listed>) {
    let read = |conn: &mut persistence::Conn| {
        let rows: Vec<Row> = diesel::sql_query("SELECT id, parent_id, slug, path, depth FROM categories").load(conn)?;
        let listed: Vec<Listed> =
            diesel::sql_query("SELECT scope, scope_id, article_id FROM published_in").load(conn)?;
        Ok((rows.into_iter().collect(), listed.into_iter().collect()))
    };
    db.read_blocking(read).unwrap()
}

fn compare(db: &Db, model: &Model) -> Result<(), TestCaseError> {
    let row = |(id, node): (&CategoryId, &Node)| Row {
        id: id.to_string(),
        parent_id: node.parent.map(|id| id.to_string()),
        slug: node.slug.clone(),
        path: model.path(*id),
        depth: i32::try_from(model.way(*id).len()).unwrap() - 1,
    };
    let listed = |scope: &str, article: &ArticleId, id: &CategoryId| Listed {
        scope: scope.to_owned(),
        scope_id: id.to_string(),
        article_id: article.to_string(),
    };
    let expected: BTreeSet<Listed> = model
        .listed
        .iter()
        .flat_map(|(article, own)| {
            let above = model.way(*own).into_iter().map(|id| listed("subtree", article, &id)).collect::<Vec<_>>();
            above.into_iter().chain([listed("category", article, own)])
        })
        .collect();
    let (rows, stored) = stored(db);
    prop_assert_eq!(rows, model.nodes.iter().map(row).collect());
    prop_assert_eq!(stored, expected);
    for (path, id) in model.old_paths.iter().filter(|(path, _)| path.contains('/')).chain(&model.old_slugs) {
        let found = db.read_blocking(|conn| categories::show(conn, path, Timestamp::now())).unwrap();
        let Found::Moved { name, .. } = found else { return Err(TestCaseError::fail(format!("{path} is there"))) };
        prop_assert_eq!(name, model.path(*id));
    }
    Ok(())
}

both! {
    async fn the_tree_is_what_a_model_says(app: App) {
        let cases = if app.engine == Engine::Sqlite { 32 } else { 12 };
        let db = &app.data.db;
        let articles: Vec<ArticleId> =
            (0..ARTICLES).map(|_| list_article(&app, "article", app.now()..Timestamp::NEVER, &[])).collect();
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&steps(), |steps| {
            let clear = |conn: &mut persistence::Conn| {
                for table in ["published_in", "old_slugs", "categories"] {
                    let clear = match table {
                        "categories" => "UPDATE categories SET parent_id = NULL".to_owned(),
                        _ => format!("DELETE FROM {table}"),
                    };
                    diesel::sql_query(clear).execute(conn)?;
                }
                diesel::sql_query("DELETE FROM categories").execute(conn)?;
                Ok(())
            };
            db.write_blocking(clear).unwrap();
            let mut model = Model::default();
            for step in &steps {
                take(db, &mut model, &articles, step);
                compare(db, &model)?;
            }
            Ok(())
        });
        outcome.unwrap();
    }

    async fn two_moves_at_once_make_no_cycle(app: App) {
        for round in 0..20 {
            let make = |name: &str| {
                let name = Some(format!("{name} {round}"));
                let draft = CategoryWrite { name, ..CategoryWrite::default() }.check().unwrap();
                app.data.db.write_blocking(|conn| categories::create(conn, &Actor::system(), &draft, app.now())).unwrap().id
            };
            let (one, other) = (make("one"), make("other"));
            let together = Arc::new(Barrier::new(2));
            let moves = [(one, other), (other, one)].map(|(id, under)| {
                let (db, together) = (app.data.db.clone(), Arc::clone(&together));
                std::thread::spawn(move || {
                    together.wait();
                    code(change(&db, id, |write| write.parent_id = Some(under)))
                })
            });
            let mut outcomes = moves.map(|thread| thread.join().unwrap());
            outcomes.sort_unstable();
            assert_eq!(outcomes, [None, Some("category_cycle")]);
        }
    }

    async fn nothing_is_put_under_what_is_deleted_at_once(app: App) {
        for round in 0..20 {
            let draft = |name: &str, parent_id| {
                let name = Some(format!("{name} {round}"));
                CategoryWrite { name, parent_id, ..CategoryWrite::default() }.check().unwrap()
            };
            let db = app.data.db.clone();
            let top = db.write_blocking(|conn| categories::create(conn, &Actor::system(), &draft("top", None), app.now()));
            let top = top.unwrap().id;
            let child = draft("child", Some(top));
            let together = Arc::new(Barrier::new(2));
            let (creator, creates) = (db.clone(), Arc::clone(&together));
            let creates = std::thread::spawn(move || {
                creates.wait();
                creator.write_blocking(|conn| categories::create(conn, &Actor::system(), &child, Timestamp::now()))
            });
            together.wait();
            let deleted = db.write_blocking(|conn| {
                categories::delete(conn, &Actor::system(), top, &Seen::Any, Timestamp::now())
            });
            match (creates.join().unwrap(), deleted) {
                (Ok(_), Err(Error::Conflict { code: "category_not_empty", .. })) | (Err(Error::Invalid(_)), Ok(())) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}
