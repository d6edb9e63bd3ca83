//! The first reading of an export: what its items refer to, wherever it stands in the file.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::Read;

use jiff::tz::TimeZone;

use crate::content::{Attached, Library, plain};
use crate::text;

use super::dates::{Pairs, When};
use super::fields::meta;
use super::permalinks::{Named, Shapes, path_below};
use super::wxr::{Author, Broken, Item, Label, Site, Term, Thing, Wxr};

/// Largest reusable block that is kept, and all of them together, in bytes.
const MAX_BLOCK: usize = 65_536;
const MAX_BLOCKS: usize = 4 * 1_048_576;

/// A post or page, as others refer to it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) when: When,
    pub(super) is_page: bool,
}

/// An uploaded file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachment {
    /// Its number.
    pub id: String,
    /// Where it was.
    pub url: String,
    /// Its title.
    pub title: String,
    /// What it shows.
    pub alt: String,
    /// What is said below it.
    pub caption: String,
    /// What it was uploaded for.
    pub parent: String,
    /// Whether it is as public as that; or else nobody's.
    pub inherits: bool,
    /// When it was uploaded.
    pub when: When,
}

/// What the first reading found.
#[derive(Debug, Default)]
pub struct Survey {
    /// The site.
    pub site: Site,
    /// Authors by login.
    pub(super) authors: BTreeMap<String, Author>,
    /// Categories and tags in the order of the file, and what items name without their being declared.
    pub(super) categories: Vec<Term>,
    pub(super) tags: Vec<Term>,
    /// Terms of other kinds.
    pub(super) others: Vec<Term>,
    pub(super) items: HashMap<String, Known>,
    /// Uploaded files by number.
    pub attachments: BTreeMap<String, Attachment>,
    pub(super) pictures: HashMap<String, Vec<String>>,
    pub(super) blocks: HashMap<String, String>,
    pub(super) pairs: Pairs,
    pub(super) links: Vec<Link>,
    /// Posts and pages.
    pub entries: u64,
    /// Comments.
    pub comments: u64,
    /// Why it could not be read to its end.
    pub broken: Option<Broken>,
    logins: BTreeSet<String>,
    /// Categories and tags that items name, by slug.
    labels: [BTreeMap<String, String>; 2],
    in_blocks: usize,
}

/// What the address of a public post may tell.
#[derive(Debug, Clone)]
pub(super) struct Link {
    address: String,
    slug: String,
    id: String,
    when: When,
    author: String,
    categories: Vec<String>,
}

/// Most addresses that are compared.
const MAX_LINKS: usize = 5_000;

impl Survey {
    /// Reads a file to its end, or as far as it can be read. `seen` is told how far it is.
    pub fn of(file: impl Read, mut seen: impl FnMut(u64)) -> Self {
        let mut survey = Self::default();
        let mut wxr = Wxr::new(file);
        loop {
            match wxr.read() {
                Ok(Some(thing)) => survey.note(thing),
                Ok(None) => break,
                Err(broken) => {
                    survey.broken = Some(broken);
                    break;
                }
            }
            seen(wxr.position());
        }
        survey.add_implied();
        survey
    }

    fn note(&mut self, thing: Thing) {
        match thing {
            Thing::Site(site) => self.site = site,
            Thing::Author(author) => {
                if !author.login.is_empty() {
                    self.authors.entry(author.login.clone()).or_insert(author);
                }
            }
            Thing::Term(term) => match term.taxonomy.as_str() {
                "category" => self.categories.push(term),
                "post_tag" => self.tags.push(term),
                _ => self.others.push(term),
            },
            Thing::Comments(_, comments) => self.comments += comments.len() as u64,
            Thing::Item(item) => self.item(*item),
        }
    }

    fn item(&mut self, item: Item) {
        let when = When::read(&item.date, &item.date_gmt);
        self.pairs.note(when);
        self.comments += item.comments.len() as u64;
        match item.post_type.as_str() {
            "attachment" => {
                let attachment = Attachment {
                    id: item.id.clone(),
                    title: plain(&item.title),
                    alt: plain(meta(&item, "_wp_attachment_image_alt").unwrap_or_default()),
                    caption: item.excerpt.trim().to_owned(),
                    parent: item.parent.clone(),
                    inherits: matches!(item.status.as_str(), "inherit" | "publish" | ""),
                    when,
                    url: item.attachment_url,
                };
                if !self.attachments.contains_key(&item.id) {
                    if item.parent != "0" {
                        self.pictures.entry(item.parent).or_default().push(item.id.clone());
                    }
                    self.attachments.insert(item.id, attachment);
                }
            }
            "wp_block" => {
                self.in_blocks += item.content.len();
                if item.content.len() <= MAX_BLOCK && self.in_blocks <= MAX_BLOCKS {
                    self.blocks.insert(item.id, item.content);
                }
            }
            kind @ ("post" | "page") => {
                self.entries += 1;
                self.logins.insert(item.creator.clone());
                self.labels(&item.labels);
                if kind == "post" && item.status == "publish" && self.links.len() < MAX_LINKS {
                    let in_categories = item.labels.into_iter().filter(|label| label.domain == "category");
                    self.links.push(Link {
                        address: item.link,
                        slug: text::slug(&item.slug).unwrap_or_default(),
                        id: item.id.clone(),
                        when,
                        author: item.creator,
                        categories: in_categories.map(|label| label.nicename).collect(),
                    });
                }
                self.items.entry(item.id).or_insert(Known { when, is_page: kind == "page" });
            }
            _ => {}
        }
    }

    /// Remembers what an item belongs to.
    fn labels(&mut self, labels: &[Label]) {
        for label in labels {
            let named = match label.domain.as_str() {
                "category" => &mut self.labels[0],
                "post_tag" | "tag" => &mut self.labels[1],
                _ => continue,
            };
            if !label.nicename.is_empty() && !named.contains_key(&label.nicename) {
                named.insert(label.nicename.clone(), label.name.clone());
            }
        }
    }

    /// What is named and not declared is there too.
    fn add_implied(&mut self) {
        let named = std::mem::take(&mut self.labels);
        for (named, terms) in named.into_iter().zip([&mut self.categories, &mut self.tags]) {
            let declared: HashSet<String> = terms.iter().map(|term| term.slug.clone()).collect();
            let implied = named.into_iter().filter(|(slug, _)| !declared.contains(slug));
            terms.extend(implied.map(|(slug, name)| Term { slug, name, ..Term::default() }));
        }
        for login in std::mem::take(&mut self.logins) {
            if !login.is_empty() && !self.authors.contains_key(&login) {
                self.authors.insert(login.clone(), Author { login, ..Author::default() });
            }
        }
    }

    /// The shapes of the site's addresses. `path_of` gives the path of a category by its slug.
    pub(super) fn shapes(&self, zone: &TimeZone, path_of: impl Fn(&str) -> Option<String>) -> Shapes {
        let mut shapes = Shapes::default();
        for link in &self.links {
            let Some(path) = path_below(&link.address, self.address()) else { continue };
            let categories: Vec<String> = link.categories.iter().filter_map(|slug| path_of(slug)).collect();
            let named = Named {
                slug: &link.slug,
                id: &link.id,
                day: link.when.day(zone),
                author: &link.author,
                categories: &categories,
            };
            shapes.note(&path, &named);
        }
        shapes
    }

    /// The address of the site.
    pub fn address(&self) -> &str {
        if self.site.base_blog_url.is_empty() { &self.site.link } else { &self.site.base_blog_url }
    }
}

impl Library for Survey {
    fn attachment(&self, id: &str) -> Option<Attached> {
        let found = self.attachments.get(id)?;
        Some(Attached { url: found.url.clone(), alt: found.alt.clone(), caption: found.caption.clone() })
    }

    fn pictures_of(&self, post: &str) -> Vec<Attached> {
        self.pictures.get(post).into_iter().flatten().filter_map(|id| self.attachment(id)).collect()
    }

    fn block(&self, id: &str) -> Option<String> {
        self.blocks.get(id).cloned()
    }
}
