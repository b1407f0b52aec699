//! The one error of the library.

use std::fmt;

/// What went wrong, in few cases. Front ends turn a kind into an exit code or an exception type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Sizes that do not fit together.
    Shape,
    /// A value out of its range.
    Value,
    /// A name that no table has.
    Name,
    /// A file that is missing, unreadable, damaged, or in the way.
    File,
    /// Contents of a file that are not what its format allows.
    Format,
    /// A number that is not finite, where training can't go on.
    NotFinite,
    /// The run was asked to stop.
    Interrupted,
}

/// The one error: a kind, a stable code, and a sentence that says where, what was found, and what is allowed.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    code: &'static str,
    message: String,
}

/// What fallible functions of the library return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a stable code (lower case, words joined by `-`) and a one-line message.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, code, message: message.into() }))
    }
    /// [`Kind::Shape`].
    pub fn shape(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Shape, code, message)
    }
    /// [`Kind::Value`].
    pub fn value(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Value, code, message)
    }
    /// [`Kind::Name`].
    pub fn name(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Name, code, message)
    }
    /// [`Kind::File`].
    pub fn file(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::File, code, message)
    }
    /// [`Kind::Format`].
    pub fn format(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Format, code, message)
    }
    /// What went wrong.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }
    /// A name for this very error that stays the same from version to version.
    pub fn code(&self) -> &'static str {
        self.0.code
    }
    /// The sentence, without the code.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// The same error, said of `place` (a layer, a file, a path in a recipe).
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} [{}]", self.0.message, self.0.code)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
