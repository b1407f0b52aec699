//! An optimizer as it stands in a program: `AdamW(params, lr=3e-4, betas=(0.9, 0.98))`.

use crate::error::{Error, Result};
use std::fmt;

/// A value of an argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `None`.
    None,
    /// `True`, `False`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Words in quotes.
    Text(String),
    /// Several, in brackets.
    Tuple(Vec<Literal>),
    /// A name, as `params` or `model.parameters()`.
    Name(String),
    /// A call that has arguments.
    Call(Call),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Literal::None => f.write_str("None"),
            Literal::Bool(true) => f.write_str("True"),
            Literal::Bool(false) => f.write_str("False"),
            Literal::Int(i) => write!(f, "{i}"),
            Literal::Float(x) => write!(f, "{x:?}"),
            Literal::Text(s) => write!(f, "{s:?}"),
            Literal::Tuple(all) => {
                let all: Vec<String> = all.iter().map(Literal::to_string).collect();
                write!(f, "({})", all.join(", "))
            }
            Literal::Name(name) => f.write_str(name),
            Literal::Call(call) => write!(f, "{call}"),
        }
    }
}

/// An argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Its name, where it is given by name.
    pub name: Option<String>,
    /// Its value; none in a signature, where it has no default.
    pub value: Literal,
    /// Where it stands: a column, counted from 1.
    pub at: usize,
}

/// A call: a name and arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The last part of its name: `AdamW` of `torch.optim.AdamW`.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Given>,
    /// Where it stands: a column, counted from 1.
    pub at: usize,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let argument = |a: &Given| match &a.name {
            Some(name) => format!("{name}={}", a.value),
            None => a.value.to_string(),
        };
        let all: Vec<String> = self.arguments.iter().map(argument).collect();
        write!(f, "{}({})", self.name, all.join(", "))
    }
}

impl Call {
    /// Reads a call; the name alone is a call without arguments. Errors say the column.
    pub fn read(text: &str) -> Result<Call> {
        let mut reader = Reader { text: text.chars().collect(), at: 0, depth: 0 };
        reader.space();
        let at = reader.at;
        let call = match reader.value()? {
            Literal::Call(call) => call,
            Literal::Name(name) => Call { name: last(&name).into(), arguments: Vec::new(), at: at + 1 },
            other => return Err(wrong(at, &other.to_string(), "a call, as Adam(lr=0.001)")),
        };
        reader.space();
        match reader.text.get(reader.at) {
            None => Ok(call),
            Some(c) => Err(wrong(reader.at, &c.to_string(), "nothing behind the call")),
        }
    }
}

/// `AdamW` of `torch.optim.AdamW` and of `AdamW()`.
fn last(name: &str) -> &str {
    name.trim_end_matches("()").rsplit('.').next().unwrap_or_default()
}

fn wrong(at: usize, found: &str, allowed: &str) -> Error {
    Error::value("bad-call", format!("column {}: there is {found}; allowed is {allowed}", at + 1))
}

/// Brackets within brackets, at most.
const DEPTH: usize = 20;

struct Reader {
    text: Vec<char>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }
    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }
    /// What stands here, for an error.
    fn found(&self) -> String {
        self.peek().map_or_else(|| "the end".into(), |c| format!("`{c}`"))
    }
    fn take(&mut self, allowed: impl Fn(char) -> bool) -> String {
        let from = self.at;
        while self.peek().is_some_and(&allowed) {
            self.at += 1;
        }
        self.text[from..self.at].iter().collect()
    }
    fn value(&mut self) -> Result<Literal> {
        self.space();
        match self.peek() {
            Some('(' | '[') => {
                let close = if self.peek() == Some('(') { ')' } else { ']' };
                let all = self.arguments(close)?;
                match all.iter().find(|a| a.name.is_some()) {
                    Some(named) => Err(wrong(named.at - 1, "a name", "a value")),
                    None => Ok(Literal::Tuple(all.into_iter().map(|a| a.value).collect())),
                }
            }
            Some(quote @ ('"' | '\'')) => {
                let from = self.at;
                self.at += 1;
                let text = self.take(|c| c != quote);
                if self.peek().is_none() {
                    return Err(wrong(from, &format!("{quote}"), "words in quotes that are closed"));
                }
                self.at += 1;
                Ok(Literal::Text(text))
            }
            Some(c) if c.is_ascii_digit() || matches!(c, '+' | '-' | '.') => self.number(),
            Some(c) if c.is_alphabetic() || c == '_' => self.named(),
            // In a signature.
            Some('*') => Ok(Literal::Name(self.take(|c| c == '*'))),
            _ => Err(wrong(self.at, &self.found(), "a number, True, False, None, a name, or several in brackets")),
        }
    }
    fn number(&mut self) -> Result<Literal> {
        let from = self.at;
        let mut text = self.take(|c| matches!(c, '+' | '-'));
        text += &self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
        if text.ends_with(['e', 'E']) {
            text += &self.take(|c| matches!(c, '+' | '-'));
            text += &self.take(|c| c.is_ascii_digit() || c == '_');
        }
        let plain = text.replace('_', "");
        let whole = plain.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-'));
        match (plain.parse::<i64>(), plain.parse::<f64>()) {
            (Ok(i), _) if whole => Ok(Literal::Int(i)),
            (_, Ok(x)) if x.is_finite() && !plain.contains(['n', 'N']) => Ok(Literal::Float(x)),
            _ => Err(wrong(from, &format!("`{text}`"), "a finite number")),
        }
    }
    fn named(&mut self) -> Result<Literal> {
        let from = self.at;
        let name = self.take(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        match name.as_str() {
            "None" => return Ok(Literal::None),
            "True" => return Ok(Literal::Bool(true)),
            "False" => return Ok(Literal::Bool(false)),
            _ => {}
        }
        if self.peek() != Some('(') {
            return Ok(Literal::Name(name));
        }
        let arguments = self.arguments(')')?;
        // Whose parameters, say.
        if arguments.is_empty() {
            return Ok(Literal::Name(name + "()"));
        }
        Ok(Literal::Call(Call { name: last(&name).into(), arguments, at: from + 1 }))
    }
    /// What stands in brackets, the opening one next.
    fn arguments(&mut self, close: char) -> Result<Vec<Given>> {
        let (open, from) = (self.peek().expect("a bracket"), self.at);
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(wrong(self.at, "one more bracket", &format!("{DEPTH} brackets within each other")));
        }
        self.at += 1;
        let mut all = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(c) if c == close => break self.at += 1,
                None => return Err(wrong(from, &format!("`{open}`"), &format!("`{open}` with its `{close}`"))),
                _ => {}
            }
            let at = self.at;
            let mut value = self.value()?;
            self.space();
            let mut name = None;
            if self.peek() == Some('=') {
                let Literal::Name(n) = value else {
                    return Err(wrong(at, &format!("`{value}`"), "a name before `=`"));
                };
                name = Some(n);
                self.at += 1;
                value = self.value()?;
                self.space();
            }
            all.push(Given { name, value, at: at + 1 });
            match self.peek() {
                Some(',') => self.at += 1,
                Some(c) if c == close => {}
                _ => return Err(wrong(self.at, &self.found(), &format!("`,` or `{close}`"))),
            }
        }
        self.depth -= 1;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_and_written() {
        for text in [
            "Adam()",
            "AdamW(params, lr=0.0003, betas=(0.9, 0.98), amsgrad=True)",
            "chain(clip(1.0), adam(-0.1, b1=None))",
            "RMSprop(1, name=\"x y\")",
        ] {
            assert_eq!(Call::read(text).unwrap().to_string(), text);
        }
        let call = Call::read(" torch.optim.AdamW ( model.parameters(), lr = 3e-4, betas=[.9,0.98,], n=1_000 ) ");
        let call = call.map(|c| c.to_string());
        assert!(call.is_err(), "a name and its bracket stand together: {call:?}");
        let call =
            Call::read(" torch.optim.AdamW( model.parameters(), lr = 3e-4, betas=[.9,0.98,], n=1_000 ) ").unwrap();
        assert_eq!(call.to_string(), "AdamW(model.parameters(), lr=0.0003, betas=(0.9, 0.98), n=1000)");
        assert_eq!((call.at, call.arguments[1].at), (2, 41));
        assert_eq!(Call::read("Adam").unwrap().name, "Adam");
    }

    #[test]
    fn what_is_no_call_is_one_error_with_its_column() {
        for (text, column) in [
            ("", 1),
            ("3", 1),
            ("Adam(", 5),
            ("Adam(lr=", 9),
            ("Adam(lr=1e999)", 9),
            ("Adam(lr=0x3)", 9),
            ("Adam(lr=-nan)", 9),
            ("Adam(lr=0.1 0.2)", 13),
            ("Adam(3=4)", 6),
            ("Adam((a=4))", 7),
            ("Adam(lr=0.1))", 13),
            ("Adam(name='x)", 11),
            ("Adam(lr=1;)", 10),
            ("Adam(β=(1, 2)", 14),
        ] {
            let error = Call::read(text).unwrap_err();
            assert_eq!(error.code(), "bad-call", "{text}");
            assert!(error.message().starts_with(&format!("column {column}: ")), "{text}: {error}");
        }
        assert_eq!(Call::read(&"(".repeat(100_000)).unwrap_err().code(), "bad-call");
    }
}
