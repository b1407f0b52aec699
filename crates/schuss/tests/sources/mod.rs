//! Rust sources as the checks of directions read them.

use std::fs;
use std::path::{Path, PathBuf};

/// A file, less its comments, its test modules, and what stands in its literals.
pub struct Source {
    /// From the repository's root, with `/`.
    pub path: String,
    pub text: String,
    /// As many lines as `text`.
    pub code: String,
    /// Literals of text, with the line they start in.
    pub literals: Vec<(usize, String)>,
}

impl Source {
    pub fn new(path: &str, text: String) -> Self {
        let (code, literals) = split(&text);
        let code = without_tests(&code);
        let literals = literals.into_iter().filter(|&(line, _)| !is_blank(&code, line)).collect();
        Source { path: path.into(), text, code, literals }
    }

    /// All `.rs` files under a folder.
    pub fn all(folder: &str) -> Vec<Source> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let (mut folders, mut paths) = (vec![root.join(folder)], Vec::<PathBuf>::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
                let path = entry.expect("a folder's entry").path();
                if path.is_dir() { &mut folders } else { &mut paths }.push(path);
            }
        }
        paths.retain(|path| path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs"));
        paths.sort();
        assert!(!paths.is_empty(), "no sources under {folder}");
        let name = |path: &Path| path.strip_prefix(&root).expect("under the root").to_string_lossy().replace('\\', "/");
        paths.iter().map(|path| Source::new(&name(path), fs::read_to_string(path).expect("a source"))).collect()
    }

    pub fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.strip_prefix(place).is_some_and(|p| p.is_empty() || p.starts_with('/')))
    }

    /// The place of a byte of the code.
    pub fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, 1 + self.code[..at].matches('\n').count())
    }

    /// Where a token begins in the code; one that starts with a letter is not the end of a longer word.
    pub fn find<'a>(&'a self, token: &'a str) -> impl Iterator<Item = usize> + 'a {
        let is_whole = |at: usize| !token.starts_with(in_word) || !self.code[..at].ends_with(in_word);
        self.code.match_indices(token).map(|(at, _)| at).filter(move |&at| is_whole(at))
    }

    /// The module's path within its crate.
    pub fn module(&self) -> Vec<&str> {
        let file = self.path.split_once("/src/").expect("a source").1.trim_end_matches(".rs");
        file.split('/').filter(|part| !["mod", "lib", "main"].contains(part)).collect()
    }

    /// The modules of the crate's root that are named in paths, and where.
    pub fn imports(&self) -> Vec<(usize, &str)> {
        let mut found = Vec::new();
        for at in self.find("crate::") {
            names(&self.code, at + "crate::".len(), &mut found);
        }
        let depth = self.module().len();
        for at in self.find("super::").filter(|&at| !self.code[..at].ends_with("super::")) {
            let supers = self.code[at..].split("super::").take_while(|between| between.is_empty()).count();
            if supers == depth {
                names(&self.code, at + supers * "super::".len(), &mut found);
            }
        }
        found
    }
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_blank(code: &str, line: usize) -> bool {
    code.lines().nth(line - 1).is_none_or(|line| line.trim().is_empty())
}

/// The first names of the path or of the group of paths at `at`.
fn names<'a>(code: &'a str, at: usize, found: &mut Vec<(usize, &'a str)>) {
    let word = |at: usize| code[at..].split(|c| !in_word(c)).next().unwrap_or_default();
    if !code[at..].starts_with('{') {
        return found.push((at, word(at)));
    }
    let (mut depth, mut fresh) = (0, true);
    for (i, c) in code[at..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return,
            '}' => depth -= 1,
            ',' if depth == 1 => fresh = true,
            c if depth == 1 && fresh && in_word(c) => {
                found.push((at + i, word(at + i)));
                fresh = false;
            }
            _ => {}
        }
    }
}

/// The code with comments blanked and literals emptied, line for line; and the literals.
fn split(text: &str) -> (String, Vec<(usize, String)>) {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let (mut code, mut literals) = (String::new(), Vec::new());
    let mut i = 0;
    while i < chars.len() {
        let start = i;
        let is_new_word = start == 0 || !in_word(chars[start - 1]);
        let hashes = if at(i) == 'r' && is_new_word { (1..).take_while(|&k| at(i + k) == '#').count() } else { 0 };
        let raw = at(i) == 'r' && is_new_word && at(i + 1 + hashes) == '"';
        if at(i) == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if at(i) == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            loop {
                match (at(i), at(i + 1)) {
                    ('/', '*') => (depth, i) = (depth + 1, i + 2),
                    ('*', '/') => (depth, i) = (depth - 1, i + 2),
                    _ => i += 1,
                }
                if depth == 0 || i >= chars.len() {
                    break;
                }
            }
        } else if raw || at(i) == '"' {
            i += if raw { 2 + hashes } else { 1 };
            let inside = i;
            let ends = |i: usize| at(i) == '"' && (!raw || (1..=hashes).all(|k| at(i + k) == '#'));
            while i < chars.len() && !ends(i) {
                i += if at(i) == '\\' && !raw { 2 } else { 1 };
            }
            let inside: String = chars[inside.min(chars.len())..i.min(chars.len())].iter().collect();
            literals.push((1 + code.matches('\n').count(), inside));
            i += if raw { 1 + hashes } else { 1 };
            code.push_str("\"\"");
        } else if at(i) == '\'' && (at(i + 1) == '\\' || at(i + 2) == '\'') {
            // A character; else it is a lifetime.
            i += if at(i + 1) == '\\' { 3 } else { 2 };
            while i < chars.len() && at(i) != '\'' {
                i += 1;
            }
            i += 1;
            code.push_str("''");
        } else {
            code.push(at(i));
            i += 1;
            continue;
        }
        let skipped = &chars[start..i.min(chars.len())];
        code.extend(skipped.iter().filter(|&&c| c == '\n'));
    }
    (code, literals)
}

/// The code with `#[cfg(test)]` items blanked.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let Some(start) = code.find(MARK) else { return code.into() };
    let mut depth = 0;
    let end = code[start + MARK.len()..].char_indices().find_map(|(i, c)| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        (depth == 0 && (c == '}' || c == ';')).then_some(start + MARK.len() + i + 1)
    });
    let end = end.unwrap_or(code.len());
    let blank: String = code[start..end].chars().filter(|&c| c == '\n').collect();
    format!("{}{blank}{}", &code[..start], without_tests(&code[end..]))
}
