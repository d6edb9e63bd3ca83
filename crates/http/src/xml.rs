//! Writing XML: every text is escaped, and what XML 1.0 cannot hold at all is left out.

use std::borrow::Cow;

use domain::Result;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// A document that grows.
pub(crate) struct Xml(Writer<Vec<u8>>);

impl Xml {
    /// An empty document in UTF-8.
    pub(crate) fn new() -> Result<Self> {
        let mut writer = Writer::new(Vec::new());
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        Ok(Self(writer))
    }

    /// The start of an element.
    pub(crate) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> Result<()> {
        Ok(self.0.write_event(Event::Start(start(name, attributes)))?)
    }

    /// The end of an element.
    pub(crate) fn close(&mut self, name: &str) -> Result<()> {
        Ok(self.0.write_event(Event::End(BytesEnd::new(name)))?)
    }

    /// An element that holds nothing.
    pub(crate) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) -> Result<()> {
        Ok(self.0.write_event(Event::Empty(start(name, attributes)))?)
    }

    /// An element that holds text.
    pub(crate) fn text(&mut self, name: &str, text: &str) -> Result<()> {
        self.text_with(name, &[], text)
    }

    /// An element with attributes that holds text.
    pub(crate) fn text_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> Result<()> {
        self.open(name, attributes)?;
        self.0.write_event(Event::Text(BytesText::new(&legal(text))))?;
        self.close(name)
    }

    /// The document.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.into_inner()
    }
}

fn start<'a>(name: &'a str, attributes: &[(&str, &str)]) -> BytesStart<'a> {
    let mut start = BytesStart::new(name);
    for (name, value) in attributes {
        start.push_attribute((*name, &*legal(value)));
    }
    start
}

/// Text without the characters that no XML document may hold, escaped or not (XML 1.0, `Char`).
fn legal(text: &str) -> Cow<'_, str> {
    let illegal = |c: char| match c {
        '\t' | '\n' | '\r' => false,
        '\u{fffe}' | '\u{ffff}' => true,
        _ => c < ' ',
    };
    if text.contains(illegal) { text.replace(illegal, "").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_what_xml_cannot_hold_is_left_out() {
        let mut xml = Xml::new().unwrap();
        xml.open("a", &[("b", "\"<&\u{1}")]).unwrap();
        xml.text("c", "x\0\u{b}\u{fffe}\t]]>&<\u{1f600}").unwrap();
        xml.empty("d", &[]).unwrap();
        xml.close("a").unwrap();
        let text = String::from_utf8(xml.finish()).unwrap();
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a b=\"&quot;&lt;&amp;\"><c>x\t]]&gt;&amp;&lt;\u{1f600}</c><d/></a>"
        );
    }
}
