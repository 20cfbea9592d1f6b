//! OpenDSS text to statements: a verb and its parameters, with file and line.
//!
//! `!` and `//` start a comment, `/*` and `*/` on lines of their own enclose one, `~` or `more` continues the
//! statement before, quotes are `"`, `'`, `(`, `[` and `{`, and white space and commas separate.

use crate::feeder::Place;
use std::rc::Rc;

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statement {
    pub(super) place: Place,
    /// First word, as written.
    pub(super) verb: String,
    pub(super) parameters: Vec<Parameter>,
    /// The text of its first line, for reports.
    pub(super) text: String,
}

/// `name=value`, or a value alone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parameter {
    pub(super) place: Place,
    /// In lower case.
    pub(super) name: Option<String>,
    /// Without its quotes.
    pub(super) value: String,
}

/// All statements of a file's content.
pub(super) fn statements(file: &Rc<str>, content: &[u8]) -> Vec<Statement> {
    let content = String::from_utf8_lossy(content);
    let mut statements: Vec<Statement> = Vec::new();
    let mut in_block_comment = false;
    for (index, line) in content.split('\n').enumerate() {
        let line = line.trim();
        if in_block_comment || line.starts_with("/*") {
            in_block_comment = !line.contains("*/");
            continue;
        }
        let place = Place { file: file.clone(), line: index + 1 };
        let mut words = words(line);
        let mut parameters = parameters(&place, &mut words).into_iter();
        let Some(first) = parameters.next() else { continue };
        let continues =
            first.name.is_none() && (first.value == "~" || first.value.eq_ignore_ascii_case("more"));
        match statements.last_mut() {
            Some(statement) if continues => statement.parameters.extend(parameters),
            _ => {
                let mut rest: Vec<Parameter> = Vec::new();
                let verb = match first.name {
                    // `Line.LINE1.length=5`: the property is set without a verb.
                    Some(name) => {
                        rest.push(Parameter { place: place.clone(), name: None, value: first.value });
                        format!("{name}=")
                    }
                    None => first.value,
                };
                rest.extend(parameters);
                let text = line.chars().take(120).collect();
                statements.push(Statement { place, verb, parameters: rest, text });
            }
        }
    }
    statements
}

/// The elements of an array's text: `11 0.416` or `11, .416`, with quotes removed.
pub(super) fn elements(text: &str) -> Vec<String> {
    words(text).into_iter().filter(|word| *word != Word::Equals).map(Word::into_text).collect()
}

/// `name=value` pairs in a nested value, as in `(file=x.csv, col=2)`.
pub(super) fn pairs(place: &Place, text: &str) -> Vec<Parameter> {
    parameters(place, &mut words(text))
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    Text(String),
    Equals,
}

impl Word {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Equals => "=".to_string(),
        }
    }
}

fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut current = String::new();
    let mut rest = line.chars().peekable();
    let flush = |current: &mut String, words: &mut Vec<Word>| {
        if !current.is_empty() {
            words.push(Word::Text(std::mem::take(current)));
        }
    };
    while let Some(c) = rest.next() {
        match c {
            '!' => break,
            '/' if current.is_empty() && rest.peek() == Some(&'/') => break,
            '=' => {
                flush(&mut current, &mut words);
                words.push(Word::Equals);
            }
            ',' => flush(&mut current, &mut words),
            c if c.is_whitespace() || c == '\0' => flush(&mut current, &mut words),
            '"' | '\'' | '(' | '[' | '{' if current.is_empty() => {
                let close = match c {
                    '(' => ')',
                    '[' => ']',
                    '{' => '}',
                    same => same,
                };
                let mut depth = 1;
                let mut quoted = String::new();
                for inner in rest.by_ref() {
                    if inner == close {
                        depth -= 1;
                        if depth == 0 {
                            break;
                        }
                    } else if inner == c {
                        depth += 1;
                    }
                    quoted.push(inner);
                }
                words.push(Word::Text(quoted));
            }
            c => current.push(c),
        }
    }
    flush(&mut current, &mut words);
    words
}

fn parameters(place: &Place, words: &mut [Word]) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    let mut index = 0;
    while let Some(word) = words.get_mut(index) {
        let take = |word: &mut Word| std::mem::replace(word, Word::Equals).into_text();
        index += 1;
        if *word == Word::Equals {
            continue; // an `=` with nothing before it
        }
        let first = take(word);
        if words.get(index) == Some(&Word::Equals) {
            index += 1;
            let value = match words.get_mut(index) {
                Some(Word::Text(text)) => {
                    index += 1;
                    std::mem::take(text)
                }
                _ => String::new(),
            };
            parameters.push(Parameter { place: place.clone(), name: Some(first.to_lowercase()), value });
        } else {
            parameters.push(Parameter { place: place.clone(), name: None, value: first });
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(text: &str) -> Vec<Statement> {
        statements(&"t.dss".into(), text.as_bytes())
    }

    fn shown(statement: &Statement) -> Vec<(Option<&str>, &str)> {
        statement.parameters.iter().map(|p| (p.name.as_deref(), p.value.as_str())).collect()
    }

    #[test]
    fn parameters_are_named_or_positional_and_quoted_in_any_way() {
        let all = lex("New Line.L1 Bus1 = 1.2 phases=3, \"a b\" kVs=[11 0.416] mult=(file=a b.txt)\r\n");
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].verb, "New");
        assert_eq!(
            shown(&all[0]),
            [
                (None, "Line.L1"),
                (Some("bus1"), "1.2"),
                (Some("phases"), "3"),
                (None, "a b"),
                (Some("kvs"), "11 0.416"),
                (Some("mult"), "file=a b.txt"),
            ]
        );
    }

    #[test]
    fn comments_vanish_and_continuations_join() {
        let all =
            lex("// nothing\n! nothing\nNew Load.A kW=1 ! one\n~ kV=.23 // two\nmore PF=1\n/*\nx\n*/\nsolve");
        assert_eq!(all.len(), 2);
        assert_eq!(shown(&all[0])[1..], [(Some("kw"), "1"), (Some("kv"), ".23"), (Some("pf"), "1")]);
        assert_eq!(all[0].parameters[3].place.line, 5, "a parameter knows its own line");
        assert_eq!((all[1].verb.as_str(), all[1].place.line), ("solve", 9));
    }

    #[test]
    fn a_property_can_be_set_without_a_verb() {
        let all = lex("Line.L1.Length=5");
        assert_eq!(all[0].verb, "line.l1.length=");
        assert_eq!(shown(&all[0]), [(None, "5")]);
    }

    #[test]
    fn odd_text_is_still_words() {
        for text in ["=", "==", "a=", "=b", "New", "~ x=1", "(((", "\"", "a=(b=(c", "\u{fffd}\0,"] {
            lex(text);
        }
        assert_eq!(elements(" 1, 2 ,3"), ["1", "2", "3"]);
        assert_eq!(pairs(&lex("x")[0].place, "file=a.csv, col=2").len(), 2);
    }
}
