//! A WordPress export (WXR 1.0 to 1.2), read from its beginning to its end, one thing at a time.
//!
//! Nothing of the file is held longer than the thing it belongs to, and nothing without a bound. What stands in the file
//! against its own format is tolerated where it can be, and said with the thing it was found in.

use std::io::{BufReader, Read};

use quick_xml::Reader;
use quick_xml::escape::resolve_html5_entity;
use quick_xml::events::{BytesStart, Event};

use super::source::{CUT, FORBIDDEN, MAX_TEXT, MISREAD, Source};

/// Deepest element that is read; an export has five levels.
const MAX_DEPTH: usize = 100;
/// Custom fields and categories of one item that are read.
const MAX_PARTS: usize = 2_000;
/// Longest value of a custom field that is read, in bytes; what an article keeps is shorter.
const MAX_META: usize = 262_144;
/// Bytes of comments that are held before they are handed on, their item first.
const MAX_HELD: usize = 2 * 1_048_576;

/// Something in an export.
#[derive(Debug, Clone, PartialEq)]
pub enum Thing {
    /// The site, as far as the file tells before its first term or item.
    Site(Site),
    /// Somebody who writes.
    Author(Author),
    /// A category, a tag, or a term of another kind.
    Term(Term),
    /// A post, a page, an attachment, or something else.
    Item(Box<Item>),
    /// More comments of an item that came before.
    Comments(String, Vec<Comment>),
}

/// The site itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// Its name.
    pub title: String,
    /// Where it is.
    pub link: String,
    /// What it is about.
    pub description: String,
    /// Its language, such as `en-US`.
    pub language: String,
    /// Its address, as WordPress knows it.
    pub base_blog_url: String,
    /// The version of the format.
    pub version: String,
    /// When the export was made.
    pub pub_date: String,
}

/// Somebody who writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Author {
    /// Its number.
    pub id: String,
    /// Its name for signing in, by which items name it.
    pub login: String,
    /// Its address.
    pub email: String,
    /// Its name for people.
    pub display_name: String,
    /// Its first name.
    pub first_name: String,
    /// Its last name.
    pub last_name: String,
    /// What was wrong with it in the file.
    pub flaws: Flaws,
}

/// A category, a tag, or a term of another kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Term {
    /// Its number.
    pub id: String,
    /// `category`, `post_tag`, or another.
    pub taxonomy: String,
    /// Its name in addresses.
    pub slug: String,
    /// The slug of the term above it.
    pub parent: String,
    /// Its name for people.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// What was wrong with it in the file.
    pub flaws: Flaws,
}

/// What an item says that it belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// `category`, `post_tag`, `post_format`, or another.
    pub domain: String,
    /// Its name in addresses.
    pub nicename: String,
    /// Its name for people.
    pub name: String,
}

/// A post, a page, an attachment, or something else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    /// Its title, as HTML.
    pub title: String,
    /// Its address.
    pub link: String,
    /// When it was published, as RFC 2822 writes it.
    pub pub_date: String,
    /// The login of its author.
    pub creator: String,
    /// Its content.
    pub content: String,
    /// Its excerpt.
    pub excerpt: String,
    /// Its number.
    pub id: String,
    /// Its date on the site's clock.
    pub date: String,
    /// Its date in UTC.
    pub date_gmt: String,
    /// When it last changed, on the site's clock.
    pub modified: String,
    /// When it last changed, in UTC.
    pub modified_gmt: String,
    /// `open` or `closed`.
    pub comment_status: String,
    /// Its name in addresses.
    pub slug: String,
    /// `publish`, `draft`, `future`, `private`, `pending`, `trash`, `inherit`, ...
    pub status: String,
    /// The number of what it stands under.
    pub parent: String,
    /// Where it stands among its siblings.
    pub menu_order: String,
    /// `post`, `page`, `attachment`, or another.
    pub post_type: String,
    /// What has to be known to read it.
    pub password: String,
    /// `1`: it stays at the top.
    pub sticky: String,
    /// Where the file of an attachment is.
    pub attachment_url: String,
    /// What it belongs to.
    pub labels: Vec<Label>,
    /// Its custom fields.
    pub meta: Vec<(String, String)>,
    /// Its comments.
    pub comments: Vec<Comment>,
    /// What was wrong with it in the file.
    pub flaws: Flaws,
}

/// A comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comment {
    /// Its number.
    pub id: String,
    /// Who left it.
    pub author: String,
    /// Their address.
    pub email: String,
    /// Their site.
    pub url: String,
    /// Where it was sent from.
    pub ip: String,
    /// Its date on the site's clock.
    pub date: String,
    /// Its date in UTC.
    pub date_gmt: String,
    /// What it says.
    pub content: String,
    /// `1`, `0`, `spam`, `trash`, ...
    pub approved: String,
    /// Empty or `comment`; `pingback`, `trackback`, or another.
    pub kind: String,
    /// The number of the comment it answers.
    pub parent: String,
    /// What was wrong with it in the file.
    pub flaws: Flaws,
}

/// What was wrong with a thing in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flaws {
    /// Elements that are too long to be read; of each its name.
    pub too_long: Vec<String>,
    /// Characters that XML forbids, which were left out.
    pub forbidden: u64,
    /// Bytes that were not in the file's encoding, and were read as Windows-1252.
    pub misread: u64,
    /// Names of entities that are not known, which stay as text.
    pub entities: Vec<String>,
    /// More parts than are read.
    pub too_many: bool,
}

impl Flaws {
    fn add(&mut self, name: &str, text: &Text) {
        if text.cut {
            self.too_long.push(name.to_owned());
        }
        self.forbidden += text.forbidden;
        self.misread += text.misread;
        for entity in &text.entities {
            if !self.entities.contains(entity) {
                self.entities.push(entity.clone());
            }
        }
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a file could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// `cut_off`, `malformed`, `not_an_export`, or `unreadable`.
    pub code: &'static str,
    /// For people.
    pub detail: String,
}

/// Reads an export.
pub struct Wxr<R: Read> {
    reader: Reader<BufReader<Source<R>>>,
    buffer: Vec<u8>,
    /// Names of the elements that are open.
    open: Vec<String>,
    site: Option<Site>,
    /// What was read already and waits to be handed on.
    next: Vec<Thing>,
    seen_channel: bool,
    ended: bool,
}

/// The text of an element.
#[derive(Debug, Default)]
struct Text {
    said: String,
    cut: bool,
    forbidden: u64,
    misread: u64,
    entities: Vec<String>,
}

impl Text {
    fn push(&mut self, piece: &str, max: usize) {
        for c in piece.chars() {
            match c {
                CUT => self.cut = true,
                FORBIDDEN => self.forbidden += 1,
                MISREAD => self.misread += 1,
                c => {
                    if self.said.len() + c.len_utf8() > max {
                        self.cut = true;
                        return;
                    }
                    self.said.push(c);
                }
            }
        }
    }
}

/// What an event of the XML reader means here.
enum Step {
    Start(String, BytesStart<'static>),
    End,
    Text(String),
    Entity(String),
    Nothing,
    Eof,
}

impl<R: Read> Wxr<R> {
    /// Reads from the beginning of a file.
    pub fn new(file: R) -> Self {
        let mut reader = Reader::from_reader(BufReader::with_capacity(65_536, Source::new(file)));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        Self {
            reader,
            buffer: Vec::new(),
            open: Vec::new(),
            site: Some(Site::default()),
            next: Vec::new(),
            seen_channel: false,
            ended: false,
        }
    }

    /// Bytes of the file that were read, roughly.
    pub fn position(&self) -> u64 {
        self.reader.buffer_position()
    }

    /// The next thing; `None` at the end of a whole file. After an error there is nothing more.
    pub fn read(&mut self) -> Result<Option<Thing>, Broken> {
        loop {
            if let Some(thing) = self.next.pop() {
                return Ok(Some(thing));
            }
            if self.ended {
                return Ok(None);
            }
            if let Err(broken) = self.advance() {
                self.ended = true;
                return Err(broken);
            }
        }
    }

    fn advance(&mut self) -> Result<(), Broken> {
        match self.step()? {
            Step::Start(name, _) if self.in_channel() => self.thing(&name),
            Step::Start(name, _) => {
                if name == "channel" && self.open.len() == 1 {
                    self.seen_channel = true;
                }
                self.open.push(name);
                if self.open.len() == 1 && !matches!(self.open[0].as_str(), "rss") {
                    let detail = format!("The file begins with <{}>; a WordPress export with <rss>.", self.open[0]);
                    return Err(Broken { code: "not_an_export", detail });
                }
                Ok(())
            }
            Step::End => {
                self.open.pop();
                Ok(())
            }
            Step::Eof if !self.open.is_empty() => {
                let detail = format!("The file ends within <{}>.", self.open.join("><"));
                Err(Broken { code: "cut_off", detail })
            }
            Step::Eof if !self.seen_channel => {
                Err(Broken { code: "not_an_export", detail: "The file holds no <rss><channel>.".into() })
            }
            Step::Eof => {
                self.ended = true;
                self.tell_site();
                Ok(())
            }
            Step::Text(_) | Step::Entity(_) | Step::Nothing => Ok(()),
        }
    }

    fn in_channel(&self) -> bool {
        self.open.len() == 2 && self.open[1] == "channel"
    }

    /// Whatever comes next waits behind what is known of the site.
    fn tell_site(&mut self) {
        if let Some(site) = self.site.take() {
            self.next.push(Thing::Site(site));
        }
    }

    fn thing(&mut self, name: &str) -> Result<(), Broken> {
        let thing = match name {
            "item" => return self.item(),
            "wp:author" => Thing::Author(self.author()?),
            "wp:category" | "wp:tag" | "wp:term" => Thing::Term(self.term(name)?),
            "title" | "link" | "description" | "language" | "pubDate" | "wp:wxr_version" | "wp:base_blog_url" => {
                let text = self.text(MAX_META)?.said.trim().to_owned();
                if let Some(site) = &mut self.site {
                    *match name {
                        "title" => &mut site.title,
                        "link" => &mut site.link,
                        "description" => &mut site.description,
                        "language" => &mut site.language,
                        "pubDate" => &mut site.pub_date,
                        "wp:wxr_version" => &mut site.version,
                        _ => &mut site.base_blog_url,
                    } = text;
                }
                return Ok(());
            }
            _ => return self.skip(),
        };
        self.next.push(thing);
        self.tell_site();
        Ok(())
    }

    fn author(&mut self) -> Result<Author, Broken> {
        let mut author = Author::default();
        self.members(|wxr, name| {
            let place = match name {
                "wp:author_id" => &mut author.id,
                "wp:author_login" => &mut author.login,
                "wp:author_email" => &mut author.email,
                "wp:author_display_name" => &mut author.display_name,
                "wp:author_first_name" => &mut author.first_name,
                "wp:author_last_name" => &mut author.last_name,
                _ => return wxr.skip(),
            };
            let text = wxr.text(MAX_META)?;
            author.flaws.add(name, &text);
            text.said.trim().clone_into(place);
            Ok(())
        })?;
        Ok(author)
    }

    fn term(&mut self, element: &str) -> Result<Term, Broken> {
        let taxonomy = match element {
            "wp:category" => "category",
            "wp:tag" => "post_tag",
            _ => "",
        };
        let mut term = Term { taxonomy: taxonomy.to_owned(), ..Term::default() };
        self.members(|wxr, name| {
            let place = match name {
                "wp:term_id" => &mut term.id,
                "wp:term_taxonomy" => &mut term.taxonomy,
                "wp:category_nicename" | "wp:tag_slug" | "wp:term_slug" => &mut term.slug,
                "wp:category_parent" | "wp:term_parent" => &mut term.parent,
                "wp:cat_name" | "wp:tag_name" | "wp:term_name" => &mut term.name,
                "wp:category_description" | "wp:tag_description" | "wp:term_description" => &mut term.description,
                _ => return wxr.skip(),
            };
            let text = wxr.text(MAX_META)?;
            term.flaws.add(name, &text);
            text.said.trim().clone_into(place);
            Ok(())
        })?;
        Ok(term)
    }

    fn item(&mut self) -> Result<(), Broken> {
        let mut item = Item::default();
        let mut handed_on = false;
        let mut held = 0;
        let mut waiting: Vec<Thing> = Vec::new();
        self.nested(|wxr, name, start| {
            match name {
                "category" => {
                    let attribute = |name: &str| {
                        let found = start.attributes().flatten().find(|attribute| attribute.key.as_ref() == name);
                        found.map(|attribute| unescaped(&attribute.value)).unwrap_or_default()
                    };
                    let (domain, nicename) = (attribute("domain"), attribute("nicename"));
                    let text = wxr.text(MAX_META)?;
                    item.flaws.add(name, &text);
                    if item.labels.len() < MAX_PARTS {
                        let name = text.said.trim().to_owned();
                        let label = Label { domain: domain.clone(), nicename, name };
                        // WXR 1.0 names each twice, once without its slug.
                        if !label.nicename.is_empty() || !label.domain.is_empty() {
                            item.labels.push(label);
                        }
                    } else {
                        item.flaws.too_many = true;
                    }
                }
                "wp:postmeta" => {
                    let (mut key, mut value) = (String::new(), Text::default());
                    wxr.members(|wxr, name| {
                        match name {
                            "wp:meta_key" => key = wxr.text(1_000)?.said,
                            "wp:meta_value" => value = wxr.text(MAX_META)?,
                            _ => wxr.skip()?,
                        }
                        Ok(())
                    })?;
                    item.flaws.add(&format!("wp:postmeta {key}"), &value);
                    if item.meta.len() >= MAX_PARTS {
                        item.flaws.too_many = true;
                    } else if !value.cut {
                        item.meta.push((key, value.said));
                    }
                }
                "wp:comment" => {
                    let comment = wxr.comment()?;
                    held += comment.content.len() + 500;
                    item.comments.push(comment);
                    if held > MAX_HELD {
                        held = 0;
                        let comments = std::mem::take(&mut item.comments);
                        if handed_on {
                            waiting.push(Thing::Comments(item.id.clone(), comments));
                        } else {
                            let whole = Item { comments, ..item.clone() };
                            item.content = String::new();
                            waiting.push(Thing::Item(Box::new(whole)));
                            handed_on = true;
                        }
                    }
                }
                _ => wxr.item_member(&mut item, name)?,
            }
            Ok(())
        })?;
        if handed_on {
            let comments = std::mem::take(&mut item.comments);
            waiting.push(Thing::Comments(item.id.clone(), comments));
        } else {
            waiting.push(Thing::Item(Box::new(item)));
        }
        self.next.extend(waiting.into_iter().rev());
        self.tell_site();
        Ok(())
    }

    fn item_member(&mut self, item: &mut Item, name: &str) -> Result<(), Broken> {
        let (place, max) = match name {
            "title" => (&mut item.title, MAX_META),
            "link" => (&mut item.link, MAX_META),
            "pubDate" => (&mut item.pub_date, MAX_META),
            "dc:creator" => (&mut item.creator, MAX_META),
            "content:encoded" => (&mut item.content, MAX_TEXT),
            "excerpt:encoded" => (&mut item.excerpt, MAX_TEXT),
            "wp:post_id" => (&mut item.id, MAX_META),
            "wp:post_date" => (&mut item.date, MAX_META),
            "wp:post_date_gmt" => (&mut item.date_gmt, MAX_META),
            "wp:post_modified" => (&mut item.modified, MAX_META),
            "wp:post_modified_gmt" => (&mut item.modified_gmt, MAX_META),
            "wp:comment_status" => (&mut item.comment_status, MAX_META),
            "wp:post_name" => (&mut item.slug, MAX_META),
            "wp:status" => (&mut item.status, MAX_META),
            "wp:post_parent" => (&mut item.parent, MAX_META),
            "wp:menu_order" => (&mut item.menu_order, MAX_META),
            "wp:post_type" => (&mut item.post_type, MAX_META),
            "wp:post_password" => (&mut item.password, MAX_META),
            "wp:is_sticky" => (&mut item.sticky, MAX_META),
            "wp:attachment_url" => (&mut item.attachment_url, MAX_META),
            _ => return self.skip(),
        };
        let text = self.text(max)?;
        item.flaws.add(name, &text);
        *place = match name {
            "content:encoded" | "excerpt:encoded" | "wp:post_password" => text.said,
            _ => text.said.trim().to_owned(),
        };
        Ok(())
    }

    fn comment(&mut self) -> Result<Comment, Broken> {
        let mut comment = Comment::default();
        self.members(|wxr, name| {
            let place = match name {
                "wp:comment_id" => &mut comment.id,
                "wp:comment_author" => &mut comment.author,
                "wp:comment_author_email" => &mut comment.email,
                "wp:comment_author_url" => &mut comment.url,
                "wp:comment_author_IP" => &mut comment.ip,
                "wp:comment_date" => &mut comment.date,
                "wp:comment_date_gmt" => &mut comment.date_gmt,
                "wp:comment_content" => &mut comment.content,
                "wp:comment_approved" => &mut comment.approved,
                "wp:comment_type" => &mut comment.kind,
                "wp:comment_parent" => &mut comment.parent,
                _ => return wxr.skip(),
            };
            let text = wxr.text(MAX_META)?;
            comment.flaws.add(name, &text);
            text.said.trim().clone_into(place);
            Ok(())
        })?;
        Ok(comment)
    }

    /// Goes through the elements of the one that has just begun, to its end; each has to be read or skipped.
    fn members(&mut self, mut each: impl FnMut(&mut Self, &str) -> Result<(), Broken>) -> Result<(), Broken> {
        self.nested(|wxr, name, _| each(wxr, name))
    }

    fn nested(
        &mut self,
        mut each: impl FnMut(&mut Self, &str, &BytesStart<'static>) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        loop {
            match self.step()? {
                Step::Start(name, start) => each(self, &name, &start)?,
                Step::End => return Ok(()),
                Step::Eof => return Err(cut_off()),
                Step::Text(_) | Step::Entity(_) | Step::Nothing => {}
            }
        }
    }

    /// The text of the element that has just begun, to its end.
    fn text(&mut self, max: usize) -> Result<Text, Broken> {
        let mut text = Text::default();
        let mut depth = 0_usize;
        loop {
            match self.step()? {
                Step::Start(..) => {
                    depth += 1;
                    within(depth)?;
                }
                Step::End if depth == 0 => return Ok(text),
                Step::End => depth -= 1,
                Step::Text(piece) => text.push(&piece, max),
                Step::Entity(name) => {
                    let known = resolved(&name);
                    text.push(known.as_deref().unwrap_or(&format!("&{name};")), max);
                    if known.is_none() && text.entities.len() < 10 {
                        text.entities.push(name);
                    }
                }
                Step::Eof => return Err(cut_off()),
                Step::Nothing => {}
            }
        }
    }

    fn skip(&mut self) -> Result<(), Broken> {
        let mut depth = 0_usize;
        loop {
            match self.step()? {
                Step::Start(..) => {
                    depth += 1;
                    within(depth)?;
                }
                Step::End if depth == 0 => return Ok(()),
                Step::End => depth -= 1,
                Step::Eof => return Err(cut_off()),
                Step::Text(_) | Step::Entity(_) | Step::Nothing => {}
            }
        }
    }

    fn step(&mut self) -> Result<Step, Broken> {
        self.buffer.clear();
        // What one large element needed is given back.
        self.buffer.shrink_to(1_048_576);
        let event = self.reader.read_event_into(&mut self.buffer).map_err(|error| broken(&error))?;
        Ok(match event {
            Event::Start(start) => Step::Start(start.name().as_ref().to_owned(), start.into_owned()),
            Event::End(_) => Step::End,
            Event::Text(text) => Step::Text(text.xml10_content().into_owned()),
            Event::CData(text) => Step::Text(text.xml10_content().into_owned()),
            Event::GeneralRef(name) => Step::Entity(name.into_inner().into_owned()),
            Event::Eof => Step::Eof,
            _ => Step::Nothing,
        })
    }
}

fn within(depth: usize) -> Result<(), Broken> {
    if depth <= MAX_DEPTH {
        return Ok(());
    }
    Err(Broken { code: "malformed", detail: format!("Elements are nested more than {MAX_DEPTH} levels deep.") })
}

fn cut_off() -> Broken {
    Broken { code: "cut_off", detail: "The file ends within an element.".into() }
}

fn broken(error: &quick_xml::Error) -> Broken {
    match error {
        quick_xml::Error::Io(error) => Broken { code: "unreadable", detail: error.to_string() },
        quick_xml::Error::Syntax(error) => Broken { code: "cut_off", detail: format!("The file is cut off: {error}.") },
        error => Broken { code: "malformed", detail: format!("This is no XML: {error}.") },
    }
}

/// What an entity stands for: one of XML or HTML, or a number.
fn resolved(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        let c = char::from_u32(code)?;
        let forbidden = c.is_control() && !matches!(c, '\t' | '\n' | '\r');
        return Some(if forbidden { FORBIDDEN } else { c }.to_string());
    }
    resolve_html5_entity(name).map(str::to_owned)
}

fn unescaped(value: &str) -> String {
    quick_xml::escape::unescape_with(value, resolve_html5_entity)
        .map_or_else(|_| value.to_owned(), std::borrow::Cow::into_owned)
}
