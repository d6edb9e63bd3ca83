//! Refuses HTML that would cost more to parse than any article is worth.
//!
//! The parser's own work is not linear in the size of its input: an open element is searched for in the whole stack
//! of open ones, formatting is cloned into every paragraph after it, a tag's attributes are compared with each other.
//! So the text is first run through the parser without building a document, piece by piece, and what it asks for is
//! counted; the run ends at the first excess.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TokenizerResult, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Token, TokenSink, TokenSinkResult, Tokenizer};
use html5ever::tree_builder::TreeBuilder;
use html5ever::{Attribute, ExpandedName, QualName, local_name, ns};

use crate::error::Wrong;

/// Elements within elements.
const MAX_DEPTH: u32 = 128;
/// Elements in all, clones of formatting included.
const MAX_ELEMENTS: u32 = 50_000;
/// Attributes of one tag.
const MAX_ATTRIBUTES: usize = 128;
/// Bytes of attribute values in all, clones included.
const MAX_ATTRIBUTE_BYTES: usize = 4 * 1_048_576;
/// Bytes that may part attributes, within one tag (or comment) that has not ended yet.
const MAX_SEPARATORS: usize = 20_000;
/// For each run of text and each value, its bytes times the `&` and the like in it: the serializer (html5ever 0.40)
/// looks through the rest of a text at each of them.
const MAX_ESCAPING: u64 = 8_000_000_000;
/// Bytes fed to the parser between two looks at the counters.
const PIECE: usize = 4096;

/// Refuses what is nested too deeply (`too_deep`) or made of too many parts (`too_complex`).
pub(super) fn check(html: &str) -> Result<(), Wrong> {
    let watch = Watch { builder: builder(), separators: Cell::new(0) };
    let tokenizer = Tokenizer::new(watch, html5ever::tokenizer::TokenizerOpts::default());
    let queue = BufferQueue::default();
    let mut rest = html;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE.min(rest.len())));
        rest = after;
        let separators = piece.bytes().filter(|b| b.is_ascii_whitespace() || b"/\"'".contains(b)).count();
        tokenizer.sink.separators.update(|so_far| so_far + separators);
        queue.push_back(StrTendril::from_slice(piece));
        // Scripts do not run here, so whatever else it returns for is skipped over.
        while !matches!(tokenizer.feed(&queue), TokenizerResult::Done) {}
        if tokenizer.sink.separators.get() > MAX_SEPARATORS {
            return Err(complex("One tag or comment is far too long."));
        }
        tokenizer.sink.builder.sink.verdict()?;
    }
    tokenizer.end();
    tokenizer.sink.builder.sink.end_run();
    tokenizer.sink.builder.sink.verdict()
}

/// Bytes in all, and bytes at which the serializer stops: `&`, and the first byte of what may be a no-break space.
fn escapable(text: &str) -> (u64, u64) {
    let stops = text.bytes().filter(|b| matches!(b, b'&' | 0xC2)).count();
    (text.len() as u64, stops as u64)
}

fn complex(detail: &str) -> Wrong {
    ("too_complex", format!("{detail} Simplify the markup, or split the text."))
}

fn builder() -> TreeBuilder<Rc<Node>, Count> {
    let context = Node::new(QualName::new(None, ns!(html), local_name!("div")));
    TreeBuilder::new_for_fragment(Count::default(), context, None, html5ever::tree_builder::TreeBuilderOpts::default())
}

/// Sees every token before the tree builder does.
struct Watch {
    builder: TreeBuilder<Rc<Node>, Count>,
    separators: Cell<usize>,
}

impl TokenSink for Watch {
    type Handle = Rc<Node>;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<Rc<Node>> {
        if !matches!(token, Token::ParseError(_)) {
            self.separators.set(0);
        }
        if let Token::TagToken(tag) = &token {
            self.builder.sink.note_tag(tag.attrs.len());
        }
        self.builder.process_token(token, line)
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

/// An element that is only a name and a depth.
struct Node {
    name: QualName,
    depth: Cell<u32>,
    /// What a `<template>` holds instead of children.
    content: OnceCell<Rc<Node>>,
}

impl Node {
    fn new(name: QualName) -> Rc<Self> {
        Rc::new(Self { name, depth: Cell::new(0), content: OnceCell::new() })
    }
}

/// Counts what the tree builder asks for, in place of a document.
struct Count {
    document: Rc<Node>,
    elements: Cell<u32>,
    deepest: Cell<u32>,
    most_attributes: Cell<usize>,
    attribute_bytes: Cell<usize>,
    merged_attributes: Cell<usize>,
    /// Bytes of the text since the last element, and how many of them begin what may have to be escaped.
    run: Cell<(u64, u64)>,
    escaping: Cell<u64>,
}

impl Default for Count {
    fn default() -> Self {
        Self {
            document: Node::new(QualName::new(None, ns!(), local_name!(""))),
            elements: Cell::new(0),
            deepest: Cell::new(0),
            most_attributes: Cell::new(0),
            attribute_bytes: Cell::new(0),
            merged_attributes: Cell::new(0),
            run: Cell::new((0, 0)),
            escaping: Cell::new(0),
        }
    }
}

impl Count {
    fn note_tag(&self, attributes: usize) {
        self.most_attributes.update(|most| most.max(attributes));
    }

    fn place(&self, child: &NodeOrText<Rc<Node>>, depth: u32) {
        match child {
            NodeOrText::AppendNode(node) => {
                node.depth.set(depth);
                self.deepest.update(|deepest| deepest.max(depth));
                self.end_run();
            }
            NodeOrText::AppendText(text) => {
                let (bytes, escapes) = escapable(text);
                self.run.update(|(so_far, escaped)| (so_far + bytes, escaped + escapes));
            }
        }
    }

    fn end_run(&self) {
        let (bytes, escapes) = self.run.take();
        self.escaping.update(|so_far| so_far.saturating_add(bytes.saturating_mul(escapes)));
    }

    fn verdict(&self) -> Result<(), Wrong> {
        if self.deepest.get() > MAX_DEPTH {
            return Err(("too_deep", format!("The markup is nested deeper than {MAX_DEPTH} levels. Flatten it.")));
        }
        if self.elements.get() > MAX_ELEMENTS {
            return Err(complex(&format!("The markup holds more than {MAX_ELEMENTS} elements.")));
        }
        if self.most_attributes.get().max(self.merged_attributes.get()) > MAX_ATTRIBUTES {
            return Err(complex(&format!("A tag holds more than {MAX_ATTRIBUTES} attributes.")));
        }
        if self.attribute_bytes.get() > MAX_ATTRIBUTE_BYTES {
            return Err(complex("The attributes of the markup are far too long."));
        }
        if self.escaping.get() > MAX_ESCAPING {
            return Err(complex("One run of text holds too many `&`."));
        }
        Ok(())
    }
}

impl TreeSink for Count {
    type Handle = Rc<Node>;
    type Output = ();
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) {}

    fn parse_error(&self, _: std::borrow::Cow<'static, str>) {}

    fn get_document(&self) -> Rc<Node> {
        self.document.clone()
    }

    fn elem_name<'a>(&'a self, target: &'a Rc<Node>) -> ExpandedName<'a> {
        target.name.expanded()
    }

    fn create_element(&self, name: QualName, attrs: Vec<Attribute>, _: ElementFlags) -> Rc<Node> {
        self.elements.update(|so_far| so_far.saturating_add(1));
        for attr in &attrs {
            // Beyond the limit the verdict is known, and counting clones of a long value would itself take long.
            if self.attribute_bytes.get() > MAX_ATTRIBUTE_BYTES {
                break;
            }
            self.attribute_bytes.update(|so_far| so_far.saturating_add(attr.value.len()));
            let (bytes, escapes) = escapable(&attr.value);
            self.escaping.update(|so_far| so_far.saturating_add(bytes.saturating_mul(escapes)));
        }
        Node::new(name)
    }

    fn create_comment(&self, _: StrTendril) -> Rc<Node> {
        self.elements.update(|so_far| so_far.saturating_add(1));
        Node::new(QualName::new(None, ns!(), local_name!("")))
    }

    fn create_pi(&self, _: StrTendril, data: StrTendril) -> Rc<Node> {
        self.create_comment(data)
    }

    fn append(&self, parent: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        self.place(&child, parent.depth.get() + 1);
    }

    fn append_based_on_parent_node(&self, element: &Rc<Node>, previous: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        self.place(&child, element.depth.get().max(previous.depth.get()) + 1);
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn get_template_contents(&self, target: &Rc<Node>) -> Rc<Node> {
        target
            .content
            .get_or_init(|| {
                let content = Node::new(QualName::new(None, ns!(), local_name!("")));
                content.depth.set(target.depth.get() + 1);
                content
            })
            .clone()
    }

    fn same_node(&self, one: &Rc<Node>, other: &Rc<Node>) -> bool {
        Rc::ptr_eq(one, other)
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        self.place(&child, sibling.depth.get());
    }

    fn add_attrs_if_missing(&self, _: &Rc<Node>, attrs: Vec<Attribute>) {
        self.merged_attributes.update(|so_far| so_far.saturating_add(attrs.len()));
    }

    fn remove_from_parent(&self, _: &Rc<Node>) {}

    // Where children went is not tracked: their own later children count from where they were first, which the
    // adoption agency changes by a few levels at most.
    fn reparent_children(&self, _: &Rc<Node>, _: &Rc<Node>) {}
}
