//! A newsroom in which everything happens, in an order that nobody would think of.

use serde_json::{Value, json};

use crate::support::{App, Caller};

/// Publishes an article; answers its address for editors.
pub async fn publish(editor: &mut Caller, write: Value) -> String {
    let mut whole = json!({"body": "Some words about succession."});
    whole.as_object_mut().unwrap().extend(write.as_object().unwrap().clone());
    let path = editor.post("/v1/admin/articles", whole).await.expect(201).header("location").unwrap();
    editor.act(&format!("{path}/publish")).await.expect(200);
    path
}

/// Numbers that look random, and come again with the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.roll(from.len())) }
    }
}

/// A newsroom that does at random whatever changes what the public sees.
pub struct Newsroom {
    dice: Dice,
    staff: Caller,
    articles: Vec<String>,
    categories: Vec<String>,
    tags: Vec<String>,
    bylines: Vec<String>,
    comments: Vec<String>,
    /// Slugs that an article may have, or had.
    pub slugs: Vec<String>,
}

impl Newsroom {
    pub fn new(app: &App, seed: u64) -> Self {
        let (articles, categories, tags, bylines) = Default::default();
        let (comments, slugs) = Default::default();
        Self { dice: Dice(seed), staff: app.admin(), articles, categories, tags, bylines, comments, slugs }
    }

    fn some(&mut self, of: fn(&Self) -> &Vec<String>) -> Option<String> {
        let things = of(self).clone();
        self.dice.pick(&things).cloned()
    }

    /// What is written of an article: what it is listed under, and how it is called.
    fn content(&mut self) -> Value {
        let slug = format!("s{}", self.dice.roll(12));
        self.slugs.push(slug.clone());
        let mut ids = |of: fn(&Self) -> &Vec<String>| {
            let one = self.some(of).map(|path| path.rsplit('/').next().unwrap().to_owned());
            one.filter(|_| self.dice.roll(3) > 0).into_iter().collect::<Vec<_>>()
        };
        let (categories, tags, bylines) =
            (ids(|room| &room.categories), ids(|room| &room.tags), ids(|room| &room.bylines));
        let title = format!("Title {}", self.dice.roll(1_000));
        json!({"title": title, "slug": slug, "body": format!("Words {}", self.dice.roll(1_000)),
            "category_ids": categories, "tag_ids": tags, "byline_ids": bylines})
    }

    /// Changes something, unless that is not possible just now.
    pub async fn act(&mut self, app: &App) -> String {
        let roll = self.dice.roll(24);
        let article = self.some(|room| &room.articles);
        match (roll, article) {
            (0..3, _) | (_, None) => {
                let mut write = self.content();
                if self.dice.roll(4) == 0
                    && let Some(other) = self.some(|room| &room.articles)
                {
                    write["locale"] = json!("de");
                    write["translation_of"] = json!(other.rsplit('/').next().unwrap());
                }
                let made = self.staff.post("/v1/admin/articles", write).await;
                if made.status == 201 {
                    let path = made.header("location").unwrap();
                    self.staff.act(&format!("{path}/publish")).await;
                    self.articles.push(path);
                }
                format!("write {}", made.status)
            }
            (3..8, Some(path)) => {
                self.staff.get(&path).await;
                let write = self.content();
                let patched = self.staff.patch(&path, write).await;
                let published = self.staff.act(&format!("{path}/publish")).await;
                format!("edit {path} {} {}", patched.status, published.status)
            }
            (8, Some(path)) => self.article(&path, "unpublish").await,
            (9, Some(path)) => self.article(&path, "trash").await,
            (10, Some(path)) => self.article(&path, "restore").await,
            (11, Some(path)) => self.article(&path, "publish").await,
            (12, Some(path)) => {
                self.staff.get(&path).await;
                let publish_at = app.now().plus_seconds(30);
                let reply = self.staff.post(&format!("{path}/schedule"), json!({"publish_at": publish_at})).await;
                format!("schedule {path} {}", reply.status)
            }
            (13, _) => {
                app.pass(40);
                if self.dice.roll(2) == 0 {
                    let now = app.now();
                    app.data.db.write_blocking(|conn| persistence::articles::settle_due(conn, now, 100)).unwrap();
                }
                "time passes".into()
            }
            (14, _) => self.make("categories").await,
            (15, _) => self.change("categories").await,
            (16, _) => self.make("tags").await,
            (17, _) => self.change("tags").await,
            (18, _) => self.make("bylines").await,
            (19, _) => self.change("bylines").await,
            (20 | 21, _) => {
                let Some(slug) = self.some(|room| &room.slugs) else { return "nothing".into() };
                let parent = self.some(|room| &room.comments).filter(|_| self.dice.roll(2) == 0);
                let write = json!({"author_name": "Ann", "author_email": "ann@example.org",
                    "body": format!("Reply {}", self.dice.roll(100_000)), "parent_id": parent});
                let left = app.anyone().post(&format!("/v1/articles/{slug}/comments"), write).await;
                if left.status == 202 {
                    let id = left.id();
                    self.comments.push(id.clone());
                    return self.moderate(&id, "approved").await;
                }
                format!("comment {}", left.status)
            }
            (22, _) => {
                let Some(id) = self.some(|room| &room.comments) else { return "nothing".into() };
                let to = *self.dice.pick(&["trash", "restore", "spam"]).unwrap();
                self.moderate(&id, to).await
            }
            _ => {
                if self.dice.roll(3) > 0 {
                    return "nothing".into();
                }
                self.staff.get("/v1/admin/settings").await;
                let shape = *self.dice.pick(&["/{slug}", "/{year}/{slug}", "/{category}/{slug}"]).unwrap();
                let reply =
                    self.staff.patch("/v1/admin/settings", json!({"permalink": shape, "locales": ["en", "de"]})).await;
                format!("settings {shape} {}", reply.status)
            }
        }
    }

    async fn article(&mut self, path: &str, action: &str) -> String {
        self.staff.get(path).await;
        let reply = self.staff.act(&format!("{path}/{action}")).await;
        format!("{action} {path} {}", reply.status)
    }

    async fn moderate(&mut self, id: &str, to: &str) -> String {
        let path = format!("/v1/admin/comments/{id}");
        self.staff.get(&path).await;
        let reply = self.staff.post(&format!("{path}/transitions"), json!({"to": to})).await;
        format!("comment {to} {}", reply.status)
    }

    fn things(&mut self, collection: &str) -> &mut Vec<String> {
        match collection {
            "categories" => &mut self.categories,
            "tags" => &mut self.tags,
            _ => &mut self.bylines,
        }
    }

    async fn make(&mut self, collection: &str) -> String {
        let mut write = json!({"name": format!("Name {}", self.dice.roll(100))});
        if collection == "categories" {
            let parent = self.some(|room| &room.categories);
            write["parent_id"] = json!(parent.map(|path| path.rsplit('/').next().unwrap().to_owned()));
        }
        let made = self.staff.post(&format!("/v1/admin/{collection}"), write).await;
        if made.status == 201 {
            let path = made.header("location").unwrap();
            self.things(collection).push(path);
        }
        format!("make {collection} {}", made.status)
    }

    async fn change(&mut self, collection: &str) -> String {
        let things = self.things(collection).clone();
        let Some(path) = self.dice.pick(&things).cloned() else { return "nothing".into() };
        if self.staff.get(&path).await.status != 200 {
            return "nothing".into();
        }
        let name = format!("Name {}", self.dice.roll(100));
        let write = match self.dice.roll(5) {
            0 => {
                let deleted = self.staff.delete(&path).await;
                return format!("delete {collection} {}", deleted.status);
            }
            1 => json!({"slug": format!("x{}", self.dice.roll(50))}),
            2 if collection == "categories" => {
                let parent = self.dice.pick(&things).map(|path| path.rsplit('/').next().unwrap());
                json!({"parent_id": parent})
            }
            3 if collection != "bylines" => json!({"description": name}),
            _ => json!({"name": name}),
        };
        let changed = self.staff.patch(&path, write.clone()).await;
        format!("change {collection} {write} {}", changed.status)
    }
}
