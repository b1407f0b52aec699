//! Changes of an expression: a constant, a sign, an order, an operator.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::fold::{self, Fold};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{BinOp, Expr, ExprMethodCall, Ident, ImplItemFn, ItemFn, ItemMod, Lit, Token, UnOp, parse_quote};

/// A rule with one small change.
pub struct Mutant {
    /// Counted from 1.
    pub number: u32,
    /// File and line.
    pub place: String,
    /// Where: `step`, `numbers` …
    pub function: String,
    /// What kind of change: constant, sign, order, operator.
    pub kind: &'static str,
    /// What stands there.
    pub from: String,
    /// What stands there instead.
    pub to: String,
}

/// Functions that do not compute: they say what there is.
const LEFT_ALONE: [&str; 13] = [
    "make", "new", "settings", "name", "slots", "fits", "caution", "globals", "memory", "shrinks", "count", "places",
    "each",
];

/// The text of a rule with all its mutants in it, which are added to the list.
pub fn mutate(name: &str, text: &str, all: &mut Vec<Mutant>) -> Result<String, String> {
    let file = syn::parse_file(text).map_err(|e| e.to_string())?;
    let mut changes = Changes { file: name, function: String::new(), asleep: true, all };
    Ok(changes.fold_file(file).into_token_stream().to_string())
}

struct Changes<'a> {
    file: &'a str,
    function: String,
    /// Outside of what computes.
    asleep: bool,
    all: &'a mut Vec<Mutant>,
}

impl Changes<'_> {
    fn function<T>(&mut self, name: &Ident, constant: bool, fold: impl FnOnce(&mut Self) -> T) -> T {
        let before = (self.function.clone(), self.asleep);
        self.function = name.to_string();
        self.asleep = constant || LEFT_ALONE.contains(&self.function.as_str());
        let done = fold(self);
        (self.function, self.asleep) = before;
        done
    }

    /// What an expression may be changed to.
    fn changes(&self, expr: &Expr) -> Vec<(&'static str, Expr)> {
        match expr {
            Expr::Binary(b) => {
                let (l, r) = (&b.left, &b.right);
                let with = |op: TokenStream| -> Expr { parse_quote!(#l #op #r) };
                let turned = |op: TokenStream| -> Expr { parse_quote!(#r #op #l) };
                match b.op {
                    BinOp::Add(_) => vec![("operator", with(quote!(-)))],
                    BinOp::Sub(_) => vec![("operator", with(quote!(+))), ("order", turned(quote!(-)))],
                    BinOp::Mul(_) => vec![("operator", with(quote!(/)))],
                    BinOp::Div(_) => vec![("operator", with(quote!(*))), ("order", turned(quote!(/)))],
                    BinOp::Gt(_) => vec![("operator", with(quote!(<=)))],
                    BinOp::Lt(_) => vec![("operator", with(quote!(>=)))],
                    BinOp::Ge(_) => vec![("operator", with(quote!(<)))],
                    BinOp::Le(_) => vec![("operator", with(quote!(>)))],
                    BinOp::Eq(_) => vec![("operator", with(quote!(!=)))],
                    BinOp::AddAssign(_) => vec![("operator", with(quote!(-=)))],
                    BinOp::SubAssign(_) => vec![("operator", with(quote!(+=)))],
                    BinOp::MulAssign(_) => vec![("operator", with(quote!(/=)))],
                    _ => Vec::new(),
                }
            }
            // Not `x` alone: that may be a reference to a number.
            Expr::Unary(u) if matches!(u.op, UnOp::Neg(_)) => vec![("sign", parse_quote!(-(#u)))],
            Expr::Lit(l) => match &l.lit {
                Lit::Float(x) => {
                    let Ok(x) = x.base10_parse::<f64>() else { return Vec::new() };
                    let other = if x == 0.0 { 0.1 } else { x * 1.1 };
                    vec![("constant", parse_quote!(#other))]
                }
                _ => Vec::new(),
            },
            Expr::Array(a) if a.elems.len() > 1 => {
                let mut turned = a.clone();
                let mut elems: Vec<Expr> = a.elems.iter().cloned().collect();
                elems.swap(0, 1);
                turned.elems = elems.into_iter().collect();
                vec![("order", Expr::Array(turned))]
            }
            Expr::MethodCall(call) => method(call),
            Expr::Call(call) => {
                let Expr::Path(path) = &*call.func else { return Vec::new() };
                let last = path.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
                let pair = match last.as_str() {
                    // Before them stands the graph, or the mask.
                    "average" if call.args.len() == 3 => (0, 1),
                    "average" if call.args.len() == 4 => (1, 2),
                    "ratio" | "select" => (1, 2),
                    _ => return Vec::new(),
                };
                let mut turned = call.clone();
                turned.args = swapped(&call.args, pair);
                vec![("order", Expr::Call(turned))]
            }
            _ => Vec::new(),
        }
    }
}

fn swapped(args: &Punctuated<Expr, Token![,]>, (i, j): (usize, usize)) -> Punctuated<Expr, Token![,]> {
    let mut all: Vec<Expr> = args.iter().cloned().collect();
    all.swap(i, j);
    all.into_iter().collect()
}

fn method(call: &ExprMethodCall) -> Vec<(&'static str, Expr)> {
    let named = |name: &str| -> Expr {
        let method = Ident::new(name, call.method.span());
        Expr::MethodCall(ExprMethodCall { method, ..call.clone() })
    };
    let turned = |pair: (usize, usize)| -> Expr {
        Expr::MethodCall(ExprMethodCall { args: swapped(&call.args, pair), ..call.clone() })
    };
    // Of a graph: its operations take values.
    let graph = matches!(&*call.receiver, Expr::Path(p) if p.path.is_ident("g"));
    match (call.method.to_string().as_str(), call.args.len()) {
        ("add", 2) if graph => vec![("operator", named("subtract"))],
        ("subtract", 2) if graph => vec![("operator", named("add")), ("order", turned((0, 1)))],
        ("multiply", 2) if graph => vec![("operator", named("divide"))],
        ("divide", 2) if graph => vec![("operator", named("multiply")), ("order", turned((0, 1)))],
        ("maximum", 2) if graph => vec![("operator", named("minimum"))],
        ("minimum", 2) if graph => vec![("operator", named("maximum"))],
        ("greater", 2) if graph => vec![("order", turned((0, 1)))],
        ("select", 3) if graph => vec![("order", turned((1, 2)))],
        ("sqrt", 1) if graph => vec![("operator", named("square"))],
        ("square", 1) if graph => vec![("operator", named("sqrt"))],
        ("sign", 1) if graph => vec![("operator", named("negative"))],
        // Undone, or turned; from the result, as what it is asked of may be a reference to a number.
        ("sqrt" | "recip", 0) => vec![("operator", parse_quote!({ let y = #call; y * y }))],
        ("square", 0) => vec![("operator", parse_quote!((#call).sqrt()))],
        ("abs" | "sign", 0) => vec![("operator", parse_quote!(-(#call)))],
        ("max", 1) => vec![("operator", named("min"))],
        ("min", 1) => vec![("operator", named("max"))],
        ("less", 1) => {
            let (a, b) = (&call.receiver, &call.args[0]);
            vec![("order", parse_quote!((#b).less(#a)))]
        }
        ("powf" | "powi", 1) => {
            let (x, n) = (&call.receiver, &call.args[0]);
            let method = &call.method;
            vec![("operator", parse_quote!((#x).#method(-(#n))))]
        }
        _ => Vec::new(),
    }
}

impl Fold for Changes<'_> {
    fn fold_item_mod(&mut self, item: ItemMod) -> ItemMod {
        // Tests.
        if item.content.is_some() { item } else { fold::fold_item_mod(self, item) }
    }
    fn fold_item_fn(&mut self, item: ItemFn) -> ItemFn {
        let (name, constant) = (item.sig.ident.clone(), item.sig.constness.is_some());
        self.function(&name, constant, |s| fold::fold_item_fn(s, item))
    }
    fn fold_impl_item_fn(&mut self, item: ImplItemFn) -> ImplItemFn {
        let (name, constant) = (item.sig.ident.clone(), item.sig.constness.is_some());
        self.function(&name, constant, |s| fold::fold_impl_item_fn(s, item))
    }
    fn fold_pat(&mut self, pattern: syn::Pat) -> syn::Pat {
        pattern
    }
    fn fold_type(&mut self, kind: syn::Type) -> syn::Type {
        kind
    }
    fn fold_expr(&mut self, expr: Expr) -> Expr {
        if self.asleep {
            return expr;
        }
        let from = expr.clone();
        // Places that are written stay places; an index is no number of the rule.
        let folded = match expr {
            Expr::Assign(mut a) => {
                a.right = Box::new(self.fold_expr(*a.right));
                Expr::Assign(a)
            }
            Expr::Binary(mut b) if is_assignment(&b.op) => {
                b.right = Box::new(self.fold_expr(*b.right));
                Expr::Binary(b)
            }
            Expr::Index(i) => Expr::Index(i),
            Expr::Reference(r) if r.mutability.is_some() => Expr::Reference(r),
            Expr::Repeat(r) => Expr::Repeat(r),
            other => fold::fold_expr(self, other),
        };
        let mut whole = folded;
        let text = from.to_token_stream().to_string();
        for (kind, to) in self.changes(&from) {
            // Two equal things may change places.
            if to.to_token_stream().to_string() == text {
                continue;
            }
            let number = self.all.len() as u32 + 1;
            self.all.push(Mutant {
                number,
                place: format!("{}:{}", self.file, from.span().start().line),
                function: self.function.clone(),
                kind,
                from: text.clone(),
                to: to.to_token_stream().to_string(),
            });
            // In brackets: at the start of a block, what follows an `if` would be a statement of its own.
            whole = parse_quote!((if crate::mutant::is(#number) { (#to) } else { (#whole) }));
        }
        whole
    }
    fn fold_expr_if(&mut self, mut item: syn::ExprIf) -> syn::ExprIf {
        item = fold::fold_expr_if(self, item);
        if self.asleep || matches!(*item.cond, Expr::Let(_)) {
            return item;
        }
        let cond = item.cond.clone();
        let number = self.all.len() as u32 + 1;
        self.all.push(Mutant {
            number,
            place: format!("{}:{}", self.file, item.if_token.span().start().line),
            function: self.function.clone(),
            kind: "operator",
            from: "if …".into(),
            to: "if not …".into(),
        });
        item.cond = parse_quote!((#cond) != crate::mutant::is(#number));
        item
    }
}

fn is_assignment(op: &BinOp) -> bool {
    matches!(op, BinOp::AddAssign(_) | BinOp::SubAssign(_) | BinOp::MulAssign(_) | BinOp::DivAssign(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_is_made_and_the_rest_is_left_alone() {
        let text = "
            const A: f64 = 1.0;
            fn settings() -> f64 { 2.0 }
            fn step(x: f64, y: &mut f64) -> [f64; 2] {
                if x > 0.5 { *y += -x; }
                let z = average(x, *y, 0.9).sqrt().max(1.0);
                [x - z, x * z / 3.0]
            }
            #[cfg(test)] mod tests { fn f() -> f64 { 1.0 + 2.0 } }";
        let mut all = Vec::new();
        let changed = mutate("rule.rs", text, &mut all).unwrap();
        syn::parse_file(&changed).unwrap();
        let found: Vec<_> = all.iter().map(|m| (m.kind, m.from.replace(' ', ""), m.to.replace(' ', ""))).collect();
        for (kind, from, to) in [
            ("operator", "x>0.5", "x<=0.5"),
            ("constant", "0.5", "0.55f64"),
            ("sign", "-x", "-(-x)"),
            ("order", "average(x,*y,0.9)", "average(*y,x,0.9)"),
            ("operator", "x-z", "x+z"),
            ("order", "x-z", "z-x"),
            ("operator", "if…", "ifnot…"),
        ] {
            assert!(found.iter().any(|f| (f.0, f.1.as_str(), f.2.as_str()) == (kind, from, to)), "{from}: {found:?}");
        }
        assert!(all.iter().all(|m| m.function == "step" && m.place.starts_with("rule.rs:")));
        assert_eq!(changed.matches("mutant :: is").count(), all.len());
        assert!(changed.contains("1.0 + 2.0") && changed.contains("fn settings () -> f64 { 2.0 }"));
    }
}
