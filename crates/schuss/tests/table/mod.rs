//! What must hold for every entry of any table: it is documented, and made again from its own settings.

use schuss::registry::{Allowed, Argument, Entry, Registry, Settings};

type Given = Vec<(String, Argument)>;

/// `words` gives the value for a setting of an entry that is text; `settings` are those that a thing tells of itself.
pub fn check<T>(
    table: &Registry<T>,
    words: impl Fn(&str, &str) -> &'static str,
    settings: impl Fn(&T) -> (&'static str, Settings),
) {
    assert!(!table.entries().is_empty());
    for entry in table.entries() {
        let name = entry.name;
        documented(entry);
        assert!(table.names().iter().filter(|n| **n == name).count() == 1, "{name} is there twice");

        let probes: Given = (0..).zip(entry.settings).map(|(i, s)| probe(i, name, s.name, s.allowed, &words)).collect();
        let required = entry.settings.iter().map(|s| s.default == schuss::registry::Default::Required);
        let least: Given =
            probes.iter().zip(required).filter(|(_, required)| *required).map(|(p, _)| p.clone()).collect();
        for given in [least, probes] {
            let what = format!("{} {name}", table.kind());
            let resolved = Settings::resolve(&what, entry.settings, &given).unwrap();
            // An entry may refuse its defaults together, and says so.
            let Ok(thing) = table.make(name, &given) else {
                assert!((entry.make)(&resolved).is_err_and(|e| !e.message().is_empty()) && given.is_empty(), "{what}");
                continue;
            };
            let (kind, own) = settings(&thing);
            assert_eq!(kind, name);
            let pairs: Given = own.iter().map(|(n, v)| (n.to_owned(), v.clone())).collect();
            for (n, v) in &given {
                assert_eq!(own.get(n), Some(v), "{what} forgets its `{n}`");
            }
            let again = table.make(name, &pairs).unwrap_or_else(|e| panic!("its own settings don't make it: {e}"));
            assert_eq!(settings(&again).1, own, "{what}");
            assert_eq!(
                own.iter().map(|(n, _)| n).collect::<Vec<_>>(),
                resolved.iter().map(|(n, _)| n).collect::<Vec<_>>()
            );
        }
    }
    for (alias, full) in table.aliases() {
        assert_eq!(table.find(alias).unwrap().name, *full);
        assert!(!table.names().contains(alias), "the alias {alias} hides an entry");
    }
}

fn documented<T>(entry: &Entry<T>) {
    let (name, page) = (entry.name, entry.page);
    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
    for text in [page.summary, page.equation, page.source, page.differs] {
        assert!(!text.is_empty() && text.trim() == text && !text.contains("  "), "{name}: {text:?}");
    }
    assert!(!page.summary.contains('\n') && !page.summary.ends_with('.'), "{name}: a summary is one line");
    for setting in entry.settings {
        assert!(!setting.doc.is_empty() && !setting.doc.contains('\n'), "{name}: `{}` has no doc", setting.name);
    }
}

/// A value that is no default, and another one for each setting of an entry.
fn probe(
    i: i64,
    entry: &str,
    setting: &str,
    allowed: Allowed,
    words: impl Fn(&str, &str) -> &'static str,
) -> (String, Argument) {
    let value = match allowed {
        Allowed::Bool => Argument::Bool(setting != "use_bias"),
        Allowed::Int(lo, _) => Argument::Int(lo + 6 + i),
        Allowed::Number | Allowed::Positive | Allowed::NotNegative | Allowed::Fraction => {
            Argument::Float(0.375 + 0.0625 * i as f64)
        }
        Allowed::AtLeast(least) => Argument::Float(least + 0.375 + 0.0625 * i as f64),
        // As many weights as losses.
        Allowed::Numbers if entry == "joint" => Argument::List([0.5, 0.25].map(Argument::Float).into()),
        Allowed::Texts => Argument::List(vec![Argument::Text(words(entry, setting).into()); 2]),
        Allowed::Numbers => Argument::List([0.5, 0.25, 0.125].map(Argument::Float).into()),
        Allowed::Length | Allowed::LengthOr(_) => Argument::Text(format!("{} steps", 3 + i)),
        Allowed::Lengths => Argument::List([3, 5].map(Argument::Int).into()),
        Allowed::OneOf(words) => Argument::Text(words[words.len() - 1].into()),
        Allowed::Text => Argument::Text(words(entry, setting).into()),
        Allowed::Ints(lo, _) => Argument::List([lo + 2, lo + 1].map(Argument::Int).into()),
        Allowed::IntOrInts(lo, ..) => Argument::Int(if lo < 0 { 1 } else { lo + 2 }),
        Allowed::NotNegativeOr(_) => Argument::Float(0.375 + 0.0625 * i as f64),
        other => panic!("{entry}: no probe yet for `{setting}`, {other}"),
    };
    (setting.to_owned(), value)
}
