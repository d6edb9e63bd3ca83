//! What the publication holds, as editors and readers would write it. Everything follows from the seed.

use domain::Timestamp;
use domain::articles::{ArticleWrite, CoverImageWrite};
use domain::comments::CommentWrite;
use domain::ids::CommentId;
use domain::text::BodyFormat;

use super::random::Random;
use super::words::{COMMON, Pair, Words, is_common_in};
use crate::failure::{Failure, Result};

/// Who signs in to it.
pub const USER: &str = "bench@example.org";
/// With which password: everything about this publication is known.
pub const PASSWORD: &str = "lorry umbrella seventeen kestrels";

/// With which key Ghost's API is asked.
pub const GHOST_KEY: &str = "0123456789abcdef0123456789";

/// What the random numbers start from where nothing else is said.
pub const SEED: u64 = 1;

/// Articles were published evenly over three years, and the last of them at this time: 2026-01-01T00:00:00Z.
const END: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
const SPAN: i64 = 3 * 365 * 24 * 60 * 60;
const DAY: i64 = 24 * 60 * 60;

/// The tree: so many roots, each with so many below, each with so many below.
const TREE: [usize; 3] = [5, 3, 2];
const TAGS: usize = 300;
const BYLINES: usize = 20;
/// An article is so many paragraphs of so many sentences.
const PARAGRAPHS: usize = 8;
const SENTENCES: usize = 5;
/// Comments stand in threads of so many: a root, two replies one under the other, and a root with a reply.
const THREAD: u64 = 5;

/// Kinds of things, which are made of different random numbers.
#[derive(Clone, Copy)]
pub enum Kind {
    Article = 1,
    Comment = 2,
    Taxonomy = 3,
}

/// A node of the category tree.
pub struct Category {
    pub id: String,
    pub parent: Option<usize>,
    pub slug: String,
    pub path: String,
    pub depth: usize,
    pub position: usize,
    pub name: String,
}

/// A tag or a byline.
pub struct Label {
    pub id: String,
    pub slug: String,
    pub name: String,
}

/// The publication, without its articles and comments: those are written one by one.
pub struct Publication {
    pub articles: u64,
    pub comments: u64,
    pub categories: Vec<Category>,
    pub tags: Vec<Label>,
    pub bylines: Vec<Label>,
    /// When its user, categories, tags and bylines were made.
    pub founded: Timestamp,
    seed: u64,
    words: Words,
}

/// An article as an editor wrote it, and when.
pub struct Article {
    pub id: String,
    pub group: String,
    pub write: ArticleWrite,
    pub created_at: Timestamp,
    pub published_at: Timestamp,
}

/// A comment as a reader left it, and where.
pub struct Comment {
    pub id: String,
    pub article: u64,
    pub parent: Option<u64>,
    pub root: u64,
    pub depth: i32,
    pub write: CommentWrite,
    pub created_at: Timestamp,
    pub decided_at: Timestamp,
}

/// The slug of an article by its number.
pub fn slug(article: u64) -> String {
    format!("story-{article:07}")
}

/// The slugs of all categories of the tree, by depth.
pub fn categories() -> [Vec<String>; 3] {
    let mut by_depth: [Vec<String>; 3] = Default::default();
    let mut number = 0;
    let mut below = |depth: usize, count: usize, by_depth: &mut [Vec<String>; 3]| {
        for _ in 0..count {
            by_depth[depth].push(format!("section-{number:02}"));
            number += 1;
        }
    };
    below(0, TREE[0], &mut by_depth);
    below(1, TREE[0] * TREE[1], &mut by_depth);
    below(2, TREE[0] * TREE[1] * TREE[2], &mut by_depth);
    by_depth
}

impl Publication {
    /// The publication of a seed with so many articles.
    pub fn new(seed: u64, articles: u64) -> Self {
        let words = Words::new();
        let founded = END.plus_seconds(-SPAN - DAY);
        let named = |prefix: &str, kind: u64, number: usize, words: &Words| {
            let mut random = Random::of(seed, Kind::Taxonomy as u64 + kind, number as u64);
            let id = uuid(founded, &mut random);
            let name = format!("{} {number}", words.phrase(2, &mut random));
            Label { id, slug: format!("{prefix}-{number:02}"), name }
        };
        let mut tree: Vec<Category> = Vec::new();
        for (depth, slugs) in categories().into_iter().enumerate() {
            let first_above = tree.iter().position(|above| above.depth + 1 == depth);
            for (index, slug) in slugs.into_iter().enumerate() {
                let parent = first_above.map(|first| first + index / TREE[depth]);
                let path = parent.map_or_else(|| slug.clone(), |parent| format!("{}/{slug}", tree[parent].path));
                let Label { id, name, .. } = named("section", 0, tree.len(), &words);
                let position = if depth == 0 { index } else { index % TREE[depth] };
                tree.push(Category { id, parent, slug, path, depth, position, name });
            }
        }
        Self {
            articles,
            comments: (articles * THREAD).min(50_000),
            categories: tree,
            tags: (0..TAGS).map(|number| named("topic", 10, number, &words)).collect(),
            bylines: (0..BYLINES).map(|number| named("writer", 20, number, &words)).collect(),
            founded,
            seed,
            words,
        }
    }

    /// The random numbers of one thing.
    pub fn random(&self, kind: Kind, number: u64) -> Random {
        Random::of(self.seed, kind as u64, number)
    }

    fn published_at(&self, number: u64) -> Timestamp {
        let before = i128::from(self.articles - number) * i128::from(SPAN) / i128::from(self.articles.max(1));
        END.plus_seconds(-i64::try_from(before).unwrap_or(SPAN))
    }

    /// The id of an article.
    pub fn article_id(&self, number: u64) -> String {
        uuid(self.published_at(number).plus_seconds(-DAY), &mut self.random(Kind::Article, number))
    }

    /// One article: about 4 KB of HTML with two headings.
    pub fn article(&self, number: u64) -> Result<Article> {
        let published_at = self.published_at(number);
        let created_at = published_at.plus_seconds(-DAY);
        let mut random = self.random(Kind::Article, number);
        let id = uuid(created_at, &mut random);
        let group = uuid(created_at, &mut random);
        let title_words = 4 + random.below(5);
        let write = ArticleWrite {
            title: Some(self.words.phrase(title_words, &mut random)),
            slug: Some(slug(number)),
            body: Some(self.body(number, &mut random)),
            body_format: Some(BodyFormat::Html),
            cover_image: Some(CoverImageWrite {
                url: Some(format!("https://images.example.org/{number}.jpg")),
                alt: Some(self.words.phrase(6, &mut random)),
            }),
            byline_ids: Some(pick(&self.bylines, 1, &mut random, |label| &label.id)?),
            category_ids: Some(pick(&self.categories, 1 + usize::from(number % 2 == 1), &mut random, |node| &node.id)?),
            tag_ids: Some(pick(&self.tags, 3, &mut random, |label| &label.id)?),
            ..ArticleWrite::default()
        };
        Ok(Article { id, group, write, created_at, published_at })
    }

    fn body(&self, number: u64, random: &mut Random) -> String {
        let mut planted: Vec<String> =
            Pair::all().filter(|pair| pair.is_in(number, self.articles)).flat_map(Pair::terms).collect();
        if is_common_in(number) {
            planted.push(COMMON.into());
        }
        let each = planted.len().div_ceil(PARAGRAPHS * SENTENCES);
        let mut html = String::with_capacity(4_500);
        for paragraph in 0..PARAGRAPHS {
            if paragraph == 2 || paragraph == 5 {
                html.push_str("<h2>");
                html.push_str(&self.words.phrase(4, random));
                html.push_str("</h2>\n");
            }
            html.push_str("<p>");
            for sentence in 0..SENTENCES {
                if sentence > 0 {
                    html.push(' ');
                }
                let words = 13 + random.below(15);
                html.push_str(&self.words.phrase(words, random));
                for term in planted.drain(..each.min(planted.len())) {
                    html.push(' ');
                    html.push_str(&term);
                }
                html.push('.');
            }
            html.push_str("</p>\n");
        }
        html
    }

    /// The articles that have comments, evenly spread.
    fn commented(&self, comment: u64) -> u64 {
        let threads = (self.comments / THREAD).max(1);
        comment / THREAD * self.articles / threads
    }

    fn comment_at(&self, number: u64) -> Timestamp {
        let after = i64::try_from(number % THREAD).unwrap_or(0) * 600;
        self.published_at(self.commented(number)).plus_seconds(DAY + after)
    }

    /// The id of a comment.
    pub fn comment_id(&self, number: u64) -> String {
        uuid(self.comment_at(number), &mut self.random(Kind::Comment, number))
    }

    /// One comment.
    pub fn comment(&self, number: u64) -> Result<Comment> {
        let created_at = self.comment_at(number);
        let mut random = self.random(Kind::Comment, number);
        let id = uuid(created_at, &mut random);
        // Places in the thread: what is above, the root, and the depth.
        let start = number - number % THREAD;
        let (parent, root, depth) = match number % THREAD {
            1 => (Some(start), start, 1),
            2 => (Some(start + 1), start, 2),
            4 => (Some(start + 3), start + 3, 1),
            _ => (None, number, 0),
        };
        let words = 10 + random.below(50);
        let write = CommentWrite {
            author_name: Some(self.words.phrase(2, &mut random)),
            author_email: Some(format!("reader-{number}@example.org")),
            body: Some(self.words.phrase(words, &mut random) + "."),
            parent_id: parent.map(|parent| self.comment_id(parent).parse::<CommentId>()).transpose()?,
            ..CommentWrite::default()
        };
        Ok(Comment {
            id,
            article: self.commented(number),
            parent,
            root,
            depth,
            write,
            created_at,
            decided_at: created_at.plus_seconds(300),
        })
    }
}

/// A version 7 UUID of that time.
pub fn uuid(at: Timestamp, random: &mut Random) -> String {
    let millis = u64::try_from(at.micros() / 1_000).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
    let (high, low) = (random.next(), random.next());
    format!(
        "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
        millis >> 16,
        millis & 0xFFFF,
        high & 0xFFF,
        0x8000 | (high >> 16 & 0x3FFF),
        low >> 16,
    )
}

/// The ids of so many of them, each once.
fn pick<T, I>(all: &[T], count: usize, random: &mut Random, id: impl Fn(&T) -> &String) -> Result<Vec<I>>
where
    I: std::str::FromStr,
    Failure: From<I::Err>,
{
    let start = random.below(all.len());
    let step = 1 + random.below(all.len() / (count + 1));
    (0..count).map(|index| Ok(id(&all[(start + index * step) % all.len()]).parse()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_has_about_four_kilobytes_and_is_the_same_every_time() {
        let article = |seed| Publication::new(seed, 100).article(7).unwrap().write;
        let body = article(1).body.unwrap();
        assert!((3_600..4_600).contains(&body.len()), "{}", body.len());
        assert_eq!(article(1), article(1));
        assert_ne!(article(1), article(2));
    }

    #[test]
    fn the_tree_has_fifty_categories() {
        let publication = Publication::new(1, 10);
        assert_eq!(publication.categories.len(), 50);
        assert_eq!(publication.categories[49].path.split('/').count(), 3);
        let below = |slug: &str| publication.categories.iter().filter(|node| node.path.starts_with(slug)).count();
        assert!(categories()[0].iter().all(|root| below(root) == 10));
    }
}
