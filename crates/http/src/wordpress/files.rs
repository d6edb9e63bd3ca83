//! Media: the files that moved in.

use std::borrow::Cow;

use persistence::Conn;
use persistence::changes::Window;
use persistence::wordpress::{self, File, FileQuery, PostOrder};
use serde::Serialize;

use super::params::Params;
use super::shape::{Empty, Escaped, Links, Paragraph, Rendered, embeddable, link, own};
use super::wrong::{Failure, Wrong};
use super::{Answered, Context, Counted, posts, slice};
use crate::delivery::Depends;

/// What every answer that shows a file depends on, beside what the file belongs to.
pub(super) const FILES: &str = "list:media";

const ORDERS: [&str; 10] =
    ["author", "date", "id", "include", "modified", "parent", "relevance", "slug", "include_slugs", "title"];
const KINDS: [&str; 5] = ["image", "video", "text", "application", "audio"];

/// A page of files.
pub(super) fn list(conn: &mut Conn, context: &Context, mut params: Params) -> Result<Answered, Failure> {
    let (slice, page) = slice(&mut params);
    let embedded = params.embedded("posts in this post type")?;
    params.refuse_other_states(&["inherit"]);
    let orderby = params.choice("orderby", &ORDERS, "date");
    let settings = &context.settings;
    let kinds = params.choices("media_type", &KINDS).map(|kinds| kinds.iter().map(|kind| format!("{kind}/")).collect());
    let query = FileQuery {
        search: params.text("search").filter(|text| !text.trim().is_empty()).map(str::to_owned),
        after: params.time("after", settings).max(params.time("modified_after", settings)),
        before: [params.time("before", settings), params.time("modified_before", settings)].into_iter().flatten().min(),
        include: params.numbers("include").filter(|list| !list.is_empty()),
        exclude: params.numbers("exclude").unwrap_or_default(),
        slugs: params.texts("slug").filter(|list| !list.is_empty()),
        parents: params.numbers("parent").filter(|list| !list.is_empty()),
        parents_exclude: params.numbers("parent_exclude").unwrap_or_default(),
        types: params.texts("mime_type").filter(|list| !list.is_empty()).or(kinds),
        order: match orderby {
            "id" => PostOrder::Number,
            "slug" => PostOrder::Slug,
            "title" => PostOrder::Title,
            "include" => PostOrder::Include,
            "include_slugs" => PostOrder::IncludeSlugs,
            _ => PostOrder::Date,
        },
        ascending: params.choice("order", &["asc", "desc"], "desc") == "asc",
    };
    // Nobody is known to have uploaded them.
    let by_others = params.numbers("author").is_some_and(|authors| !authors.is_empty() && !authors.contains(&0));
    params.finish()?;
    let (files, total) =
        if by_others { (Vec::new(), 0) } else { wordpress::files(conn, &query, slice, context.view.now)? };
    let counted = Counted { total, per_page: slice.limit, page };
    counted.refuse_beyond(&params)?;
    let drawn: Vec<Shown<'_>> = files.iter().map(|file| draw(context, file, embedded)).collect();
    Ok(Answered::new(&drawn, depends(context))?.counted(counted))
}

/// One file.
pub(super) fn show(conn: &mut Conn, context: &Context, mut params: Params, number: i64) -> Result<Answered, Failure> {
    let embedded = params.embedded("this post")?;
    params.finish()?;
    let query = FileQuery { include: Some(vec![number]), ..FileQuery::default() };
    let only = wordpress::Slice { offset: 0, limit: 1 };
    let (files, _) = wordpress::files(conn, &query, only, context.view.now)?;
    let Some(file) = files.first() else {
        return Err(Wrong::not_found("rest_post_invalid_id", "Invalid post ID.").into());
    };
    Ok(Answered::new(&draw(context, file, embedded), depends(context))?)
}

/// Files are listed as long as what they belong to is public.
fn depends(context: &Context) -> Depends {
    // Of any language: a file has none.
    let all = |pages| Window { locale: None, ..posts::everything(context, pages) };
    Depends::on([FILES.to_owned()]).and_list(all(false)).and_list(all(true))
}

/// A file. What is none is left out where it is embedded.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    id: i64,
    date: String,
    #[serde(flatten)]
    published: Option<Published<'a>>,
    slug: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(rename = "type")]
    sort: &'static str,
    link: String,
    title: Rendered<Escaped<'a>>,
    author: i64,
    featured_media: i64,
    #[serde(flatten)]
    about: Option<About>,
    caption: Rendered<Paragraph<'a>>,
    alt_text: &'a str,
    media_type: &'static str,
    mime_type: &'a str,
    media_details: Details<'a>,
    #[serde(flatten)]
    uploaded: Option<UploadedFor>,
    source_url: String,
    _links: Links,
}

/// When a file came, and whence.
#[derive(Serialize)]
struct Published<'a> {
    date_gmt: String,
    guid: Rendered<Cow<'a, str>>,
    modified: String,
    modified_gmt: String,
}

/// What is the same of every file.
#[derive(Serialize)]
struct About {
    comment_status: &'static str,
    ping_status: &'static str,
    template: &'static str,
    meta: Empty,
    class_list: [String; 5],
    description: Rendered<&'static str>,
}

/// The post that a file was uploaded for; null: none that is public.
#[derive(Serialize)]
struct UploadedFor {
    post: Option<i64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Details<'a> {
    Image { width: u32, height: u32, file: &'a str, filesize: u64, sizes: Sizes<'a>, image_meta: Nothing },
    Other { filesize: u64, sizes: Nothing },
}

#[derive(Serialize)]
struct Sizes<'a> {
    full: Size<'a>,
}

#[derive(Serialize)]
struct Size<'a> {
    file: &'a str,
    width: u32,
    height: u32,
    mime_type: &'a str,
    source_url: String,
}

/// An object without members.
#[derive(Serialize)]
struct Nothing {}

/// A file, whole or as it is embedded.
pub(super) fn draw<'a>(context: &Context, file: &'a File, embedded: bool) -> Shown<'a> {
    let (number, media) = (file.number, &file.media);
    let (date, date_gmt) = context.times(media.created_at);
    let url = format!("{}{}", context.view.public_url.as_str().trim_end_matches('/'), media.path());
    let is_image = media.content_type.starts_with("image/");
    let details = if is_image {
        let (width, height) = (media.width.unwrap_or(0), media.height.unwrap_or(0));
        let (mime_type, source_url) = (&media.content_type, url.clone());
        let full = Size { file: &media.name, width, height, mime_type, source_url };
        let (file, filesize, sizes) = (below_uploads(file), media.size, Sizes { full });
        Details::Image { width, height, file, filesize, sizes, image_meta: Nothing {} }
    } else {
        Details::Other { filesize: media.size, sizes: Nothing {} }
    };
    let classes = ["attachment", "type-attachment", "status-inherit", "hentry"].map(str::to_owned);
    let [attachment, sort, status, hentry] = classes;
    Shown {
        id: number,
        published: (!embedded).then(|| Published {
            date_gmt: date_gmt.clone(),
            guid: Rendered { rendered: media.source_url.as_deref().map_or_else(|| url.clone().into(), Cow::from) },
            modified: date.clone(),
            modified_gmt: date_gmt,
        }),
        date,
        slug: file.slug(),
        status: (!embedded).then_some("inherit"),
        sort: "attachment",
        link: url.clone(),
        title: Rendered { rendered: Escaped(if media.title.is_empty() { &media.name } else { &media.title }) },
        author: 0,
        featured_media: 0,
        about: (!embedded).then(|| About {
            comment_status: "closed",
            ping_status: "closed",
            template: "",
            meta: [],
            class_list: [format!("post-{number}"), attachment, sort, status, hentry],
            description: Rendered { rendered: "" },
        }),
        caption: Rendered { rendered: Paragraph(&media.caption) },
        alt_text: &media.alt,
        media_type: if is_image { "image" } else { "file" },
        mime_type: &media.content_type,
        media_details: details,
        uploaded: (!embedded).then_some(UploadedFor { post: file.post }),
        source_url: url,
        _links: Links::default()
            .with("self", own(context.at(&format!("media/{number}"))))
            .with("collection", link(context.at("media")))
            .with("about", link(context.at("types/attachment")))
            .with("replies", embeddable(context.at(&format!("comments?post={number}")))),
    }
}

/// Where the file lay below the folder of uploads.
fn below_uploads(file: &File) -> &str {
    let old = file.media.source_url.as_deref().and_then(|old| old.split_once("/wp-content/uploads/"));
    old.map_or(&file.media.name, |(_, path)| path)
}
