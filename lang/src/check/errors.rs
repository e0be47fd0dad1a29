//! Every message of the checker: one small function each, named after the mistake.

use super::closed::{self, Block};
use super::foreign;
use super::told::Given;
use super::value::*;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Name};

fn error(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(message)
}

/// The sign of an operator, as a program writes it.
pub fn sign(op: BinaryOp) -> &'static str {
    use BinaryOp::*;
    match op {
        Or => "or",
        And => "and",
        Eq => "==",
        Ne => "!=",
        Lt => "<",
        Le => "<=",
        Gt => ">",
        Ge => ">=",
        Range => "..",
        Add => "+",
        Sub => "-",
        Mul => "*",
        Div => "/",
        FloorDiv => "//",
        Rem => "%",
        MatMul => "@",
        Stratonovich => "∘",
        Pow => "^",
    }
}

fn plural(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

fn did_you_mean(near: Option<&str>) -> Option<String> {
    near.map(|n| format!("did you mean `{n}`?"))
}

fn with_help(diagnostic: Diagnostic, help: Option<String>) -> Diagnostic {
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

// ---- names ----

/// `of_action` is an action that calls its field so.
pub fn unknown_name(name: &Name, near: Option<&str>, of_action: Option<&str>) -> Diagnostic {
    let help = match name.span.text() {
        "None" | "null" | "nil" => Some("there is no empty value here; use `if` and a number".to_string()),
        "True" | "False" => Some(format!("write `{}`", name.span.text().to_lowercase())),
        text if foreign::name(text).is_some() => foreign::name(text).map(str::to_string),
        _ if behind_division(&name.span) => Some("a comment begins with `#`: `//` is the division that rounds down, `%` the remainder".to_string()),
        "T" | "H" | "dagger" if name.span.source.text[..name.span.start].trim_end().ends_with('^') => {
            Some("the (conjugate) transpose of a matrix is written `A'`".to_string())
        }
        text if text.starts_with('d') && text.len() > 1 && name.span.source.text[name.span.end..].starts_with('(') => {
            Some(format!("the derivative of a function is a function: `grad({0})`, at a point `grad({0})(x)`", &text[1..]))
        }
        noise if noise.strip_prefix('d').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase())) => {
            Some(format!("a noise other than dW and dZ is declared in its process: `noise {noise}: real`, or `real[k]` for k of them"))
        }
        text if near.is_none() && text.starts_with(char::is_uppercase) && stands_as_set(&name.span) => {
            Some(format!("an index set is declared first: `lattice {text} = torus(16, 16)`, or `param {text} = 16` for 0 … 15"))
        }
        _ => None,
    };
    let help = help.or_else(|| function_of_name(&name.span)).or_else(|| did_you_mean(near)).or_else(|| of_action.map(|action| {
        format!("{0} is the field inside of {action}; of the draws of a run it is `[mean({0}) for {0} in run]`, a field to try out `let {0}: real[Λ] ~ normal(0, 1)`", name.span.text())
    }));
    let found = error(format!("nothing is called `{}` here", name.span.text()));
    if let Some(later) = declared_later(&name.span) {
        return found
            .label(&name.span, "used before it has a value")
            .label(&later, "gets its value only here")
            .help("statements follow each other from top to bottom: move the declaration up");
    }
    if let Some(declared) = closed::declared(name) {
        return behind_its_block(name, &declared);
    }
    with_help(found.label(&name.span, "unknown name"), help)
}

/// What was declared in a block that has ended.
fn behind_its_block(name: &Name, declared: &closed::Declared) -> Diagnostic {
    let text = name.span.text();
    let help = match declared.block {
        Block::Loop if declared.runs => format!("keep what is needed behind the loop in a `var` that stands before it: `var last = 0`, and in the loop `last = {text}`"),
        Block::Loop => format!("declare it before the loop, `var {text} = …`, and give it its new value in the loop, `{text} = …`"),
        Block::Branch => format!("an `if` gives the value of its branch: write `let {text} = if … {{ … }} else {{ … }}`"),
        Block::Function => "a function gives the value of its last expression: read it from a call, `let y = f(x)`".to_string(),
        Block::Other => "declare it before the block".to_string(),
    };
    let ended = error(format!("`{text}` exists only in the block in which it is declared")).label(&name.span, "the block has ended here").help(help);
    match declared.runs {
        true => ended.label(&declared.place, "it runs in this loop"),
        false => ended.label(&declared.place, "declared here").label(&declared.head, "in this block"),
    }
}

/// `integrate(x^2, 0, 1)`, `grad(f(x))`: a function is wanted, and its value at a name is written.
fn function_of_name(name: &Span) -> Option<String> {
    let text = &name.source.text;
    let line = text[..name.start].rfind('\n').map_or(0, |k| k + 1);
    // The brackets around the name, innermost first.
    let (mut depth, mut around) = (0, vec![]);
    for (k, c) in text[line..name.start].char_indices().rev() {
        match c {
            ')' | ']' | '}' => depth += 1,
            '(' if depth == 0 => around.push(line + k),
            '[' | '{' if depth == 0 => return None,
            '(' | '[' | '{' => depth -= 1,
            ',' if depth == 0 && around.is_empty() => return None,
            _ => {}
        }
    }
    let (function, open) = around.into_iter().find_map(|open| {
        let before = &text[line..open];
        let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |k| k + before[k..].chars().next().map_or(1, char::len_utf8));
        WANT_FUNCTIONS.contains(&&before[start..]).then_some((&before[start..], open))
    })?;
    let argument = first_argument(&text[open + 1..])?;
    if argument.contains("->") || argument.len() > 60 {
        return None;
    }
    let x = name.text();
    let called = argument.strip_suffix(&format!("({x})")).filter(|f| f.chars().all(|c| c.is_alphanumeric() || c == '_'));
    let written = called.map_or(format!("{x} -> {argument}"), str::to_string);
    Some(match function {
        "integrate" => format!("what is integrated is a function: `integrate({written}, a, b)`"),
        _ => format!("it is of a function, and gives one: `{function}({written})`, at a point `{function}({written})({x})`"),
    })
}

const WANT_FUNCTIONS: &[&str] = &["grad", "value_and_grad", "jacobian", "hessian", "divergence", "laplacian", "integrate"];

/// Up to the comma or bracket behind it.
fn first_argument(text: &str) -> Option<&str> {
    let mut depth = 0;
    for (k, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ',' | ')' if depth == 0 => return Some(text[..k].trim()),
            ')' | ']' => depth -= 1,
            '\n' => return None,
            _ => {}
        }
    }
    None
}

/// `real[Λ]`, `for x in Λ`
fn stands_as_set(name: &Span) -> bool {
    let before = name.source.text[..name.start].trim_end();
    let after = name.source.text[name.end..].trim_start();
    let in_type = ["real[", "complex[", "f32[", "int[", "bool["].iter().any(|ty| before.ends_with(ty));
    in_type || (before.ends_with(" in") || before.ends_with('∈')) && !after.starts_with(['(', '.', '['])
}

/// Where a name is declared further down: by a statement of the block that the name stands in, or of the top level.
fn declared_later(name: &Span) -> Option<Span> {
    let text = &name.source.text;
    let here = &text[text[..name.start].rfind('\n').map_or(0, |k| k + 1)..name.start];
    let mut indent = &here[..here.len() - here.trim_start().len()];
    let mut at = name.end + text[name.end..].find('\n')? + 1;
    for line in text[at..].split_inclusive('\n') {
        if line.trim_start().starts_with('}') && !line.starts_with(indent) {
            // The block ends here.
            indent = "";
        }
        for word in ["let ", "var ", "param ", "lattice "] {
            let declared = line.strip_prefix(indent).and_then(|rest| rest.strip_prefix(word)).and_then(|rest| rest.trim_start().strip_prefix(name.text()));
            if declared.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')) {
                let start = at + line.find(name.text())?;
                return Some(Span::new(&name.source, start, start + name.text().len()));
            }
        }
        at += line.len();
    }
    None
}

/// Of `x = 1 // the first words of a comment`: does a division stand before it, and nothing that a name could divide?
fn behind_division(name: &Span) -> bool {
    let before = name.source.text[..name.start].trim_end();
    let after = name.source.text[name.end..].split('\n').next().unwrap_or("").trim();
    (before.ends_with("//") || before.ends_with('%')) && after.is_empty()
}

/// `df/dx`
pub fn quotient_of_differentials(quotient: &Span, of: &str, by: &str, is_known: bool) -> Diagnostic {
    let f = if is_known { of } else { "f" };
    error("a derivative is not written as a quotient")
        .label(quotient, format!("the derivative of `{of}` by `{by}`?"))
        .help(format!("the derivative of a function is a function: write `grad({f})`, at a point `grad({f})({by})` or `∇{f}({by})`"))
}

/// A name in an index that nothing gives values.
pub fn unbound_index(name: &Name, set: &IndexSet, moves: bool, near: Option<&str>) -> Diagnostic {
    let text = name.span.text();
    let over = match set {
        IndexSet::Lattice(l) if moves => format!("{}.directions", l.name),
        other => other.describe(),
    };
    if let IndexSet::Ensemble(_) = set {
        return error(format!("nothing is called `{text}` here"))
            .label(&name.span, "over what does it run?")
            .help("what stands here counts draws: a function of each is `[mean(φ) for φ in run]`, one site of all of them `[φ[x] for φ in run]`");
    }
    let help = did_you_mean(near).unwrap_or(format!("a `for` gives it its values: `sum(… for {text} in {over})`, `[… for {text} in {over}]`"));
    error(format!("nothing is called `{text}` here")).label(&name.span, "over what does it run?").help(help)
}

pub fn unknown_in_module(name: &Name, module: &str, near: Option<&str>) -> Diagnostic {
    let found = error(format!("the module {module} has nothing called `{}`", name.span.text()));
    with_help(found.label(&name.span, "not in this module"), did_you_mean(near))
}

pub fn unknown_field(name: &Name, owner_span: &Span, owner: &Value, near: Option<&str>, known: &[std::rc::Rc<str>]) -> Diagnostic {
    let found = error(format!("{} has no field `{}`", owner.describe(), name.span.text()))
        .label(&name.span, "no such field")
        .label(owner_span, format!("this is {}", owner.describe()));
    let list = (!known.is_empty()).then(|| format!("it has: {}", known.join(", ")));
    let written = foreign::field(&name.text).map(str::to_string);
    // Of `size` for `sizes` the end is missing, and no other word is meant.
    let cut = near.filter(|near| near.starts_with(name.span.text()));
    with_help(found, did_you_mean(cut).or(written).or(did_you_mean(near)).or(list))
}

/// `x.mean()`
pub fn function_as_field(name: &Name, owner: &Span, value: &Value, known: &[std::rc::Rc<str>]) -> Diagnostic {
    // What a function does with numbers, it does not with a distribution.
    if let Value::Distribution(_) = value {
        return error(format!("{} has no field `{}`", value.describe(), name.span.text()))
            .label(&name.span, "no such field")
            .label(owner, format!("this is {}", value.describe()))
            .help(format!("it has: {}", known.join(", ")));
    }
    let (function, argument) = (name.span.text(), if owner.text().len() <= 20 { owner.text() } else { "x" });
    let is_ensemble = matches!(value, Value::Number(n) if matches!(n.sets.first(), Some(IndexSet::Ensemble(_))));
    let argument = if is_ensemble && function == "error" { format!("mean({argument})") } else { argument.to_string() };
    error(format!("{} has no field `{function}`", value.describe()))
        .label(&name.span, "a function, not a field")
        .label(owner, format!("this is {}", value.describe()))
        .help(format!("write `{function}({argument})`"))
}

/// `φ: Λ`
pub fn set_as_type(name: &Name) -> Diagnostic {
    let text = name.span.text();
    error(format!("`{text}` is an index set, not a type"))
        .label(&name.span, "what stands at its members?")
        .help(format!("write `real[{text}]` for a real field on it, `complex[{text}]` for a complex one"))
}

pub fn no_draws(span: &Span) -> Diagnostic {
    error("an ensemble has one draw at least").label(span, "there is none in this array")
}

pub fn unknown_type(name: &Name, near: Option<&str>) -> Diagnostic {
    let help = match foreign::ty(&name.text) {
        Some(written) => Some(written.to_string()),
        None => did_you_mean(near).or(Some("types are real, f32, complex, int, bool, string, with index sets in [ ]".into())),
    };
    with_help(error(format!("`{}` is not a type", name.span.text())).label(&name.span, "unknown type"), help)
}

// ---- types ----

pub fn expected(span: &Span, wanted: &str, found: &Value) -> Diagnostic {
    expected_called(span, wanted, found, &found.describe())
}

/// The same of what is called otherwise (an estimate).
pub fn expected_called(span: &Span, wanted: &str, found: &Value, called: &str) -> Diagnostic {
    if wanted == "numbers" {
        return error(format!("numbers are needed here, not {called}"))
            .label(span, "conditions have no sum")
            .help("how many hold is `count(v > 0 for v in x)`, whether all do `all(x > 0)`, whether one does `any(x > 0)`");
    }
    let wrong = error(format!("{wanted} is needed here, not {called}")).label(span, format!("this is {called}"));
    let condition = wanted.starts_with("a condition");
    match found {
        _ if called.ends_with("estimate") && !condition && (wanted == "int" || wanted.starts_with("an index set") || wanted.starts_with("an integer")) => {
            wrong.help(format!("take its value, which has no error, and round it: `round({}.value) as int`", short(span, "m")))
        }
        Value::Number(n) if condition && n.kind == Kind::Bool => wrong.help("write `all(…)` or `any(…)` of these conditions"),
        Value::Number(n) if condition && n.is_scalar() => wrong.help(format!("compare it with something: `{} != 0`", short(span, "n"))),
        Value::Tuple(_) if condition => wrong.help("leave out the brackets: `assert x > 0, \"why\"`"),
        Value::Number(_) if wanted == "a function" => wrong.help(function_instead(span)),
        Value::Number(n) if wanted == "an array" && n.is_scalar() => wrong.help(array_instead(span)),
        Value::Text(_) if wanted.starts_with("something to plot") => wrong.help(format!("words have names: `title: {0}`, at the axes `x: {0}`, `y: {0}`", short(span, "\"…\""))),
        Value::Process(p) if wanted.starts_with("something to plot") => {
            wrong.help(format!("paths of it are plotted: `plot(histogram(simulate({}, from: …, dt: 0.01)))`", p.name))
        }
        Value::Number(n) if wanted.starts_with("something to plot") => match n.sets.first() {
            None => wrong.help(format!("a single number is printed: `print(\"{{{}}}\")`", short(span, "x"))),
            Some(IndexSet::Lattice(l)) if l.sizes.len() > 2 => {
                wrong.help(format!("a picture is of one or two dimensions, and {} has {}: plot a `histogram({})`, or sums over the others", l.name, l.sizes.len(), short(span, "φ")))
            }
            _ => wrong,
        },
        Value::Text(_) if wanted.starts_with("a number") => wrong.help("a number stands without quotes; what a run is to be told is a param: `param x = 1.0`"),
        Value::Text(_) if wanted.starts_with("the name of a file") => wrong,
        _ if wanted.starts_with("the name of a file") => wrong.help("the name comes first, in quotes: `save(\"x.npy\", x)`"),
        Value::Function(f) if wanted.starts_with("a number") => wrong.help(format!("{CALL_IT}`{}(x)`", short(span, &f.name()))),
        Value::Number(n) if wanted.starts_with("a distribution") && n.kind != Kind::Bool => {
            wrong.help("`~` draws a random number; a value is given with `=`")
        }
        _ => wrong,
    }
}

/// What is said of a place in the library's text, now that it is told at the argument behind it: gives the label there.
pub fn told_at_argument(mistake: &mut Diagnostic, given: &Given, label: &str) -> String {
    without_advice_on(mistake, &["a condition (a bool)"]);
    if let Some(called) = mistake.message.strip_suffix(CANNOT_BE_CALLED) {
        let label = format!("this is {called}");
        mistake.message = format!("a function is needed here, not {called}");
        mistake.help = Some(function_instead(given.place));
        return given.described(&label);
    }
    let help = match mistake.message.split(" needed here").next() {
        Some("a function is") => Some(function_instead(given.place)),
        Some("an array is") => Some(array_instead(given.place)),
        Some("a number is") if mistake.help.as_ref().is_some_and(|help| help.starts_with(CALL_IT)) => Some(call_it(given.place)),
        Some(wanted) if wanted.starts_with("an index set") || wanted == "int is" => Some(integer_instead(given.place)),
        _ => None,
    };
    if mistake.help.is_some() && help.is_some() {
        mistake.help = help;
    }
    match label {
        _ if speaks_of_place(label) => given.name(),
        _ if label.starts_with("this is") || label.starts_with("made of") => given.described(label),
        _ => given.used(label),
    }
}

/// The same of an operand in the library's text, which is of `what`: whether that alone is the mistake, as of a text in a sum.
pub fn told_of_operand(mistake: &mut Diagnostic, given: &Given, what: &str) -> bool {
    let is_of_numbers = ["real", "int", "f32", "complex", "bool"].contains(&what.split('[').next().unwrap_or(""));
    let is_mistake = mistake.message.contains(DOES_NOT_GO) && !is_of_numbers;
    without_advice_on(mistake, &[OTHER_SETS]);
    if is_mistake {
        mistake.message = format!("{} cannot be {what}", given.name());
        mistake.help = (what.starts_with("the action") || what.ends_with("function")).then(|| call_it(given.place));
    }
    is_mistake
}

/// Do the labels behind the first say what the operands are?
pub fn speaks_of_operands(mistake: &Diagnostic) -> bool {
    [DOES_NOT_GO, OTHER_SETS].iter().any(|said| mistake.message.contains(said))
}

/// The same where no one argument is behind it: the label, if it says more than that it was there.
pub fn told_at_call(mistake: &mut Diagnostic) -> Option<String> {
    if let Some(called) = mistake.message.strip_suffix(CANNOT_BE_CALLED) {
        mistake.message = format!("a function is needed here, not {called}");
    }
    without_advice_on(mistake, &["needed here", DOES_NOT_GO, OTHER_SETS, "has no field"]);
    let label = &mistake.labels[0].1;
    (!speaks_of_place(label) && !label.starts_with("this is")).then(|| label.clone())
}

/// Of a place that the user does not see.
fn speaks_of_place(label: &str) -> bool {
    ["", "here", "called here", "no such field", "not a function", "these do not match"].contains(&label) || label.ends_with(" given")
}

/// What to write instead was said of the library's text, not of the user's.
fn without_advice_on(mistake: &mut Diagnostic, kinds: &[&str]) {
    if kinds.iter().any(|said| mistake.message.contains(said)) {
        mistake.help = None;
    }
}

const CALL_IT: &str = "call it: ";

fn call_it(function: &Span) -> String {
    format!("{CALL_IT}`{}(x)`", short(function, "f"))
}

fn array_instead(span: &Span) -> String {
    format!("write `[{}]` for an array of one", short(span, "x"))
}

/// What is a value of a function, it may be, where the function itself is needed.
fn function_instead(span: &Span) -> String {
    match called_function(span) {
        Some((f, arguments)) if follows_gradient(span) => format!("write `grad({f})({arguments})`: the gradient of a function is a function"),
        Some((f, _)) => format!("write `{f}`, the function itself, and not a value of it"),
        None => "a function without a name is written `x -> x^2`".to_string(),
    }
}

/// Of `S(φ)` the function's name and its arguments.
fn called_function(span: &Span) -> Option<(&str, &str)> {
    let (name, arguments) = span.text().strip_suffix(')')?.split_once('(')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    (is_name && arguments.len() < 40 && !arguments.contains([')', '\n'])).then_some((name, arguments))
}

/// `grad(`, `∇(`
fn follows_gradient(span: &Span) -> bool {
    let before = span.source.text[..span.start].trim_end();
    before.ends_with("grad(") || before.ends_with("∇(")
}

/// The text at a place, or a word for it where it is long.
fn short(span: &Span, word: &str) -> String {
    let text = span.text();
    if text.len() <= 30 && !text.contains('\n') { text.to_string() } else { word.to_string() }
}

/// What must be an integer, and is a quotient, or written with a decimal point.
pub fn integer_instead(span: &Span) -> String {
    let text = span.text();
    let number = text.replace('_', "").parse::<f64>().ok();
    let whole = number.filter(|x| x.fract() == 0.0 && x.abs() < 1e15).map(|x| format!("{x}"));
    let quotient: Vec<&str> = text.split('/').collect();
    match (whole, &quotient[..]) {
        (None, _) if number.is_some_and(f64::is_finite) => "an integer has no decimal point: `10`, `1_000`".to_string(),
        (Some(digits), _) => format!("write `{digits}`: with a decimal point or a power of ten it is a real number"),
        (_, [a, b]) if !text.contains(['(', '+', '-']) => format!("write `{} // {}`: `/` gives a real number, also of two integers", a.trim(), b.trim()),
        (_, [_, ..]) if text.contains('/') => "write `//` for `/`, which gives a real number, also of two integers".to_string(),
        _ => "write `floor(x) as int`, `round(x) as int` or `x as int` (toward zero)".to_string(),
    }
}

/// What cannot be an index set.
pub fn index_set_needed(span: &Span, found: &Value, called: &str) -> Diagnostic {
    let wrong = error(format!("an index set (an integer, a lattice, …) is needed here, not {called}")).label(span, format!("this is {called}"));
    match found {
        _ if called.ends_with("estimate") => wrong.help("a size must be known before the run, and a mean is known only after it"),
        Value::Number(n) if n.is_scalar() && n.kind == Kind::Real => wrong.help(integer_instead(span)),
        Value::Tuple(_) | Value::Number(_) => wrong.help("sizes stand side by side: `torus(4, 4)`, `real[4, 4]`"),
        _ => wrong,
    }
}

pub fn wrong_type(span: &Span, wanted: &str, found: &str) -> Diagnostic {
    let mistake = error(format!("{wanted} is needed here, not {found}")).label(span, format!("this is {found}"));
    let bare = |t: &str| t.split('[').next().unwrap_or("").to_string();
    match (bare(wanted).as_str(), bare(found).as_str()) {
        ("f32", "real") => mistake.help("write `… as f32` to round it: f32 and real do not mix by themselves"),
        ("real", "f32") => mistake.help("write `… as real` to widen it: f32 and real do not mix by themselves"),
        ("int", "real") if wanted == "int" => mistake.help(integer_instead(span)),
        ("real", "complex") => mistake.help("take `re(z)`, `im(z)` or `abs(z)`"),
        (kind, "a string") if ["real", "int", "f32", "complex"].contains(&kind) => {
            mistake.help("a number stands without quotes; what a run is to be told is a param: `param x = 1.0`")
        }
        (_, "a distribution") => mistake.help(format!("a random number is drawn with `~`: `let x: {wanted} ~ {}`", short(span, "normal(0, 1)"))),
        (a, b) if (a == b || b == "int") && wanted.contains('[') && found.contains('[') => {
            let like = found.replacen(b, a, 1);
            mistake.help(format!("the index sets differ: write `{like}` where `{wanted}` stands, or give the array the index sets of `{wanted}`"))
        }
        _ => mistake,
    }
}

pub fn estimate_for(what: &str, span: &Span) -> Diagnostic {
    let wrong = error(format!("{what} needs a plain number, not an estimate")).label(span, "made of an estimate, which has an error");
    match what {
        "a comparison" => {
            let m = short(span, "m");
            wrong.help(format!("write `{m}.value` for the number without its error; whether it agrees with y is `abs({m}.value - y) < 3 * error({m})`"))
        }
        _ => wrong.help("write `.value` for the number without its error, e.g. `m.value`"),
    }
}

pub fn save_of_estimate(span: &Span) -> Diagnostic {
    error("a file holds plain numbers: the error of this estimate would be lost")
        .label(span, "an estimate")
        .help("save its parts: save(\"x.npy\", x.value) and save(\"x_error.npy\", error(x)); or print it as a table")
}

pub fn estimate_needed(span: &Span, function: &str, found: &Number) -> Diagnostic {
    error(format!("{function} is of an estimate (a real mean over an ensemble, or what is computed from some)"))
        .label(span, format!("this is {} without an error", Value::Number(found.clone()).describe()))
        .help(format!("e.g. {function}(mean(x)), where x is over an ensemble"))
}

pub fn observable_needed(span: &Span, function: &str, found: &Number) -> Diagnostic {
    error(format!("{function} is of a real observable over an ensemble, or of an estimate"))
        .label(span, format!("this is {}", Value::Number(found.clone()).describe()))
        .help("an ensemble is what a sampler makes, or `ensemble(x)` of an array of draws")
}

pub fn several_ensembles<'a>(span: &Span, names: impl Iterator<Item = &'a str>) -> Diagnostic {
    let names: Vec<String> = names.map(|n| format!("`{n}`")).collect();
    error("this estimate stems from several ensembles").label(span, format!("from {}", names.join(" and "))).help("ask each of them by itself")
}

pub fn too_few_draws(span: &Span, why: &str) -> Diagnostic {
    error(why).label(span, "too few draws").help("ask the sampler for more `draws`")
}

pub fn not_yet(span: &Span, what: &str) -> Diagnostic {
    error(format!("{what} are not in this version yet")).label(span, "not yet")
}

pub fn phase_as_angle(span: &Span) -> Diagnostic {
    error("there is no type U1: a phase is kept by its angle")
        .label(span, "here")
        .help("write `θ: angle`, and exp(1i*θ) for the phase: the angle is compact, and derivatives by it are real")
}

/// What is said of every number that its type can't hold.
pub const IS_TOO_LARGE: &str = " is too large";

/// What fails a run whose integers leave their range.
pub const TOO_LARGE: &str = "the result is too large for an int: integers go up to 9223372036854775807";

pub fn int_overflow(op: &Span) -> Diagnostic {
    error(TOO_LARGE)
        .label(op, "here")
        .help("write one of the numbers with a decimal point, and the result is a `real`")
}

pub fn negative_size(span: &Span, size: i64) -> Diagnostic {
    error(format!("an index set cannot have {size} members")).label(span, "negative")
}

pub fn unknown_size(span: &Span) -> Diagnostic {
    error("this size is not known before the run")
        .label(span, "computed while the program runs")
        .help("sizes are made of literals, params and arithmetic of these; a `for` statement may count to a computed number")
}

pub fn unknown_range(span: &Span) -> Diagnostic {
    let wrong = error("the end of a range must be an integer that is known before the run").label(span, "not a known integer");
    if span.text().contains(['.', '∞']) || span.text().contains("inf") {
        return wrong.help("ranges count integers; an interval of real numbers is given by its ends: `integrate(f, a, b)`, `uniform(a, b)`");
    }
    wrong.help("use literals, params and arithmetic of these; where a range begins at a computed number, count from zero: `[x[i + k] for k in 5]`")
}

/// `10..0`
pub fn empty_range(span: &Span, from: i64, to: i64) -> Diagnostic {
    let last = to + 1;
    let numbers = match from - last {
        0 => format!("{from}"),
        1 => format!("{from}, {last}"),
        _ => format!("{from}, …, {last}"),
    };
    Diagnostic::warning(format!("the range {from}..{to} is empty: ranges count upwards"))
        .label(span, "no numbers")
        .help(format!("to count downwards, {numbers}, subtract: `for k in {}`, and `{from} - k` is the number", from - to))
}

pub fn unknown_exponent(span: &Span) -> Diagnostic {
    error("an integer power of a complex number needs an exponent that is known before the run").label(span, "computed while the program runs")
}

pub fn unknown_displacement(span: &Span) -> Diagnostic {
    error("a direction can be multiplied by a known integer only").label(span, "not a known integer times a direction")
}

pub fn unknown_text(value: &Span, text: &Span) -> Diagnostic {
    error("a text with values in it can only be printed")
        .label(value, "known when the program runs")
        .label(text, "this text is needed before")
}

/// `r["a"]`
pub fn field_in_brackets(span: &Span, record: &Span, name: &str) -> Diagnostic {
    error("a field of a record is read with a point, not with brackets")
        .label(span, "a name in brackets")
        .label(record, "a record")
        .help(format!("write `{}.{name}`", short(record, "r")))
}

/// A comparison in a `test` that is no assertion.
pub fn nothing_tested(span: &Span) -> Diagnostic {
    error("a test passes whatever this gives: it is compared, and not asserted")
        .label(span, "true or false")
        .help(format!("write `assert {}`", short(span, "…")))
}

pub fn missing_field(span: &Span, name: &str) -> Diagnostic {
    error(format!("the field `{name}` is missing")).label(span, format!("a record without `{name}`"))
}

// ---- operators ----

pub fn operand(span: &Span, op: &str, wanted: &str, found: &Value) -> Diagnostic {
    let wrong = error(format!("`{op}` needs {wanted}, not {}", found.describe())).label(span, format!("this is {}", found.describe()));
    match found {
        Value::Function(_) => wrong.help(format!("call the function: `{}(x)`", short(span, "f").trim_start_matches(['-', ' ']))),
        Value::Number(n) if op == "not" && n.is_scalar() => wrong.help("compare it with something: `n == 0`"),
        _ => wrong,
    }
}

const DOES_NOT_GO: &str = "` does not go between ";

const OTHER_SETS: &str = "` needs arrays over the same index sets";

pub fn operands(op_span: &Span, op: BinaryOp, left: (&Span, &Value), right: (&Span, &Value)) -> Diagnostic {
    let found = error(format!("`{}{DOES_NOT_GO}{} and {}", sign(op), left.1.describe(), right.1.describe()))
        .label(op_span, "here")
        .label(left.0, left.1.describe())
        .label(right.0, right.1.describe());
    match (left.1, right.1) {
        (Value::Function(_), _) | (_, Value::Function(_)) => found.help("call the function first: f(x)"),
        (Value::Distribution(_), _) | (_, Value::Distribution(_)) => found.help("draw from the distribution first: let x ~ normal(0, 1)"),
        (Value::Text(_), _) | (_, Value::Text(_)) => found.help("values stand in braces inside the text: `\"x = {x}\"`, with a format `\"x = {x:.3}\"`"),
        (Value::Site(s), other) | (other, Value::Site(s)) if !matches!(other, Value::Site(_)) || op != BinaryOp::Eq => found.help(format!(
            "a site moves by directions: `x + mu` with `for mu in {0}.directions`, `x + {0}.directions[0]`, `x - 2*mu`; the boundary is the lattice's",
            s.lattice.name
        )),
        (Value::Set(IndexSet::Lattice(l)), _) | (_, Value::Set(IndexSet::Lattice(l))) => found.help(format!("the number of its sites is `{}.volume`", l.name)),
        _ => found,
    }
}

type Side<'a> = (&'a Span, &'a Number);

pub fn other_sets(op_span: &Span, op: BinaryOp, left: Side, right: Side) -> Diagnostic {
    let found = error(format!("`{}{OTHER_SETS}", sign(op)))
        .label(op_span, "these do not match")
        .label(left.0, left.1.describe())
        .label(right.0, right.1.describe());
    let (a, b) = (&left.1.sets, &right.1.sets);
    let same_size = left.1.shape() == right.1.shape();
    let is_lattice = |s: &IndexSet| matches!(s, IndexSet::Lattice(_));
    match (a.first(), b.first()) {
        (Some(x), Some(y)) if same_size && is_lattice(x) && is_lattice(y) => {
            found.help("two lattices are two lattices even if their sizes agree: use one of them for both arrays")
        }
        (Some(IndexSet::Ensemble(_)), Some(IndexSet::Ensemble(_))) => {
            found.help("draws of two runs do not belong together, one by one: take the means first, `mean(x) - mean(y)`")
        }
        _ if same_size => found.help("equal sizes are not enough: index sets are the same if they come from the same place"),
        _ if op == BinaryOp::Mul && a.len() == 2 && b.len() <= 2 => found.help("the matrix product is `@`; `*` multiplies element by element"),
        _ => found,
    }
}

pub fn other_kind(op_span: &Span, op: BinaryOp, left: Side, right: Side) -> Diagnostic {
    let found = error(format!("`{}` cannot join {} and {}", sign(op), left.1.kind.name(), right.1.kind.name()))
        .label(op_span, "here")
        .label(left.0, left.1.describe())
        .label(right.0, right.1.describe());
    match (left.1.kind, right.1.kind) {
        (Kind::F32, Kind::Real) | (Kind::Real, Kind::F32) => {
            found.help("f32 and real do not mix by themselves: convert one with `as real` or `as f32`")
        }
        (Kind::Bool, _) | (_, Kind::Bool) => found.help("choose with `if c { 1.0 } else { 0.0 }`, or count with `count(…)`"),
        _ => found,
    }
}

pub fn other_lattice(a_span: &Span, a: &Lattice, b_span: &Span, b: &Lattice) -> Diagnostic {
    error(format!("these belong to two lattices, {} and {}", a.name, b.name))
        .label(b_span, format!("of {}", b.name))
        .label(a_span, format!("of {}", a.name))
        .help(format!("use the sites and directions of one lattice, e.g. {}.directions", a.name))
}

/// `1 and 2`
pub fn numbers_for_conditions(op_span: &Span, op: BinaryOp, left: Side, right: Side) -> Diagnostic {
    error(format!("`{}` joins conditions, not numbers", sign(op)))
        .label(op_span, "here")
        .label(left.0, left.1.describe())
        .label(right.0, right.1.describe())
        .help("compare them with something: `n > 0 and m > 0`")
}

pub fn division_by_zero(op_span: &Span, op: BinaryOp, right: &Span) -> Diagnostic {
    error(by_zero(op)).label(op_span, "here").label(right, "this is 0").help("`/` gives a real number, and stops at a division by 0 too: test the divisor first, `if n != 0 { … }`")
}

/// What fails a run whose divisor is 0.
pub fn by_zero(op: BinaryOp) -> String {
    format!("`{}`{BY_ZERO}", sign(op))
}

pub const BY_ZERO: &str = " by 0 has no integer result";

pub fn bool_arithmetic(op_span: &Span, op: BinaryOp) -> Diagnostic {
    error(format!("`{}` needs numbers, not conditions", sign(op))).label(op_span, "between two bools")
}

pub fn complex_order(op_span: &Span, op: BinaryOp) -> Diagnostic {
    error(format!("complex numbers have no order: `{}` needs real ones", sign(op)))
        .label(op_span, "between complex numbers")
        .help("compare `abs(z)`, `re(z)` or `im(z)`")
}

pub fn complex_order_of(span: &Span) -> Diagnostic {
    error("complex numbers have no order").label(span, "this is complex").help("take `abs(z)`, `re(z)` or `im(z)`")
}

pub fn complex_as(span: &Span, kind: Kind) -> Diagnostic {
    error(format!("a complex number does not become {} by itself", kind.name()))
        .label(span, "this is complex")
        .help("take `re(z)`, `im(z)` or `abs(z)`")
}

pub fn no_complex(call: &Span, name: &str) -> Diagnostic {
    error(format!("`{name}` is not defined for complex numbers here")).label(call, "of a complex number")
}

pub fn stratonovich_outside(op_span: &Span) -> Diagnostic {
    error("`∘` (`o`) is the Stratonovich product: it stands before a noise in a `d` line of a process").label(op_span, "not in a process")
}

pub fn not_matrices(op_span: &Span, left: Side, right: Side) -> Diagnostic {
    error("`@` multiplies matrices and vectors")
        .label(op_span, "here")
        .label(left.0, left.1.describe())
        .label(right.0, right.1.describe())
        .help("element by element, and for scalars, it is `*`")
}

pub fn matrix_mismatch(op_span: &Span, left: Side, right: Side) -> Diagnostic {
    let a = left.1.sets.last().map(IndexSet::describe).unwrap_or_default();
    let b = right.1.sets.first().map(IndexSet::describe).unwrap_or_default();
    error(format!("`@` sums over {a} on its left but {b} on its right"))
        .label(op_span, "here")
        .label(left.0, left.1.describe())
        .label(right.0, right.1.describe())
        .help("transpose one of them with `'`")
}

/// `trace(A^2)`
pub fn power_in_function(span: &Span, function: &str, matrix: &Span, exponent: i64) -> Diagnostic {
    let a = short(matrix, "A");
    let warning = Diagnostic::warning(format!("a power goes element by element: {function} is that of a matrix of powers, not of a power of the matrix"));
    let warning = warning.label(span, if exponent == -1 { "the reciprocals of the entries" } else { "the powers of the entries" });
    match exponent {
        -1 => warning.help(format!("the inverse matrix is `inverse({a})`; reciprocals that are meant are written `1 / {a}`")),
        2..=4 => {
            let written = |sign: &str| vec![&*a; exponent as usize].join(sign);
            warning.help(format!("write `{}` for the power of the matrix, `{}` for that of its entries", written(" @ "), written(" * ")))
        }
        _ => warning.help(format!("powers of the matrix are products, `{a} @ {a}`")),
    }
}

/// `A^-1 @ b`
pub fn reciprocals_for_inverse(span: &Span, matrix: &Span, right: Option<&Span>) -> Diagnostic {
    let a = short(matrix, "A");
    let inverse = match right {
        Some(b) => format!("`solve({a}, {0})`, or `inverse({a}) @ {0}`", short(b, "b")),
        None => format!("`inverse({a})`"),
    };
    Diagnostic::warning("a power goes element by element: this is not the inverse matrix")
        .label(span, "the reciprocals of the entries")
        .help(format!("write {inverse}; reciprocals that are meant are written `1 / {a}`"))
}

pub fn not_a_matrix(span: &Span, found: &Value) -> Diagnostic {
    let wrong = error(format!("`'` transposes a matrix, not {}", found.describe())).label(span, format!("this is {}", found.describe()));
    match found {
        Value::Function(_) => wrong.help(format!("a derivative is a function too: `grad({0})(x)`, or `∇{0}(x)`", short(span, "f"))),
        _ => wrong,
    }
}

pub fn matrix_needed(span: &Span, name: &str, found: &Number) -> Diagnostic {
    let wrong = error(format!("`{name}` takes a matrix, not {}", found.describe())).label(span, format!("this is {}", found.describe()));
    if found.sets.len() > 2 { wrong.help(format!("of each of several matrices: [{name}(A) for A in …]")) } else { wrong }
}

pub fn not_square(span: &Span, name: &str, found: &Number) -> Diagnostic {
    error(format!("`{name}` takes a square matrix, not {}", found.describe()))
        .label(span, format!("{} rows, {} columns", found.sets[0].size(), found.sets[1].size()))
}

pub fn rows_and_columns(span: &Span, name: &str, found: &Number) -> Diagnostic {
    error(format!("`{name}` takes a matrix whose rows and columns are over the same index set, not {}", found.describe()))
        .label(span, format!("rows over {}, columns over {}", found.sets[0].describe(), found.sets[1].describe()))
}

pub fn row_needed(span: &Span, name: &str, found: &Number) -> Diagnostic {
    let wrong = error(format!("`{name}` takes an array over one index set, not {}", found.describe()))
        .label(span, format!("this is {}", found.describe()));
    if found.is_scalar() { wrong } else { wrong.help(format!("of each row: [{name}(x) for x in …]")) }
}

pub fn no_transform(span: &Span, name: &str, found: &Number, help: &str) -> Diagnostic {
    error(format!("`{name}` has no meaning over {}", found.sets[0].describe()))
        .label(span, format!("this is {}", found.describe()))
        .help(help)
}

pub fn transform_without_period(span: &Span, name: &str, lattice: &Lattice) -> Diagnostic {
    error(format!("`{name}` needs a lattice that is periodic in all directions"))
        .label(span, format!("{} is not", lattice.name))
        .help("multiply an antiperiodic field by exp(-i π x/L) on a periodic lattice; open directions have no momenta")
}

pub fn right_side(a: Side, b: Side) -> Diagnostic {
    let wrong = error(format!("the right side of these equations must be over {}, as the rows of the matrix are", a.1.sets[0].describe()))
        .label(a.0, a.1.describe())
        .label(b.0, b.1.describe());
    if b.1.sets.len() > 2 { wrong.help("of each of several right sides: [solve(A, b) for b in …]") } else { wrong }
}

// ---- indices ----

pub fn no_index(span: &Span, found: &Value, called: &str) -> Diagnostic {
    let wrong = error(format!("{called} has no indices")).label(span, format!("this is {called}"));
    match found {
        Value::Number(n) if n.is_scalar() => wrong.help(format!(
            "a single number has no entries: leave the index out, or write an array, `[{}]`",
            short(span, "x")
        )),
        Value::Tuple(items) => wrong.help(format!(
            "its parts get names: `let ({}) = {}`",
            letters(items.len()), short(span, "…")
        )),
        Value::Record(fields) if !fields.is_empty() => wrong.help(format!("its fields are read by name: `{}.{}`", short(span, "r"), fields[0].0)),
        Value::Function(_) => wrong.help(format!("a call has round brackets: `{}(x)`", short(span, "f"))),
        Value::Differential(_) => wrong.help(
            "dW is over the state as it stands: `d x = … * dt + dW`; of another shape is a declared noise, and a matrix says where it goes: `noise dB: real[2]`, `B @ dB`",
        ),
        Value::Set(_) => wrong.help("an index belongs to an array over the set: `φ[x]`"),
        Value::Site(_) => wrong.help(format!("its coordinates are numbers: `{}.coordinates[0]`", short(span, "x"))),
        _ => wrong,
    }
}

pub fn too_many_indices(span: &Span, array: &Span, n: &Number, count: usize) -> Diagnostic {
    let wrong = error(format!("{} here, but the array has {}", plural(count, "index").replace("indexs", "indices"), n.sets.len()))
        .label(span, format!("{count} given"))
        .label(array, n.describe());
    match n.sets.first() {
        Some(IndexSet::Lattice(l)) => wrong.help(format!(
            "a site is one index, whatever the lattice's dimension: `{0}[x]` with `for x in {1}`; by its number `{0}[site({1}, 0)]`",
            short(array, "φ"), l.name
        )),
        Some(IndexSet::Ensemble(_)) if n.sets.len() == 1 => wrong.help(format!(
            "its draws have one index: `{0}[5]`; by chain and draw it is `by_chain({0})[0, 5]`",
            short(array, "run")
        )),
        _ => wrong,
    }
}

pub fn wrong_index(span: &Span, found: &Value, array: &Span, set: &IndexSet) -> Diagnostic {
    let (wanted, runs) = match set {
        IndexSet::Range(n) => ("an integer".to_string(), format!("0 … {}", *n as i64 - 1)),
        IndexSet::Lattice(l) => (format!("a site of {}", l.name), l.name.to_string()),
        IndexSet::Directions(l) => (format!("a direction of {}", l.name), set.describe()),
        other => (format!("an index of {}", other.describe()), other.describe()),
    };
    let wrong = error(format!("{wanted} is needed as index here, not {}", found.describe()))
        .label(span, format!("this is {}", found.describe()))
        .label(array, format!("its index here runs over {runs}"));
    match (set, found) {
        (IndexSet::Lattice(l), Value::Number(_)) => {
            wrong.help(format!("a field is read at sites: `φ[x]` with `for x in {}`, `φ[x + mu]`", l.name))
        }
        (IndexSet::Lattice(_), Value::Displacement(_)) => wrong.help("a direction moves a site: `φ[x + mu]`"),
        (IndexSet::Ensemble(_), Value::Site(_)) => {
            wrong.help(format!("the first index counts draws: write `[φ[x] for φ in {0}]` for the site x of all of them, or `{0}[.., x]`", short(array, "run")))
        }
        (_, Value::Number(n)) if n.kind == Kind::Real => wrong.help(index_instead(span, array)),
        (_, Value::Number(n)) if n.kind == Kind::Bool => {
            wrong.help("a condition is a filter of sums, `sum(v for v in x if v > 0)`; left-out entries of an array are given a value, `[if v > 0 { v } else { 0.0 } for v in x]`")
        }
        _ => wrong,
    }
}

/// What is written instead of a real number as index.
fn index_instead(span: &Span, array: &Span) -> String {
    let x = short(array, "x");
    let number = span.text().replace('_', "").parse::<f64>().ok().filter(|y| y.is_finite() && y.abs() < 1e15);
    match number {
        Some(y) if y.fract() != 0.0 => {
            format!("no entry lies between two others: write `{x}[{}]` or `{x}[{}]`; what is computed is rounded first, `{x}[floor(y) as int]`", y.floor(), y.ceil())
        }
        None if !span.text().contains('/') => format!("round it first: `{x}[floor({y}) as int]`, `{x}[round({y}) as int]`", y = short(span, "y")),
        _ => integer_instead(span),
    }
}

pub fn site_of_other_lattice(span: &Span, found: &Lattice, array: &Span, wanted: &Lattice) -> Diagnostic {
    error(format!("a site of {} is needed here, not one of {}", wanted.name, found.name))
        .label(span, format!("a site of {}", found.name))
        .label(array, format!("a field on {}", wanted.name))
}

/// `Λ.directions[k]`
pub fn direction_number(span: &Span, count: usize) -> Diagnostic {
    error(format!("a direction's number is known before the run, from 0 to {}", count.saturating_sub(1)))
        .label(span, "no such direction")
        .help("all of them: for mu in Λ.directions")
}

pub fn direction_of_other_lattice(span: &Span, found: &Lattice, array: &Span, wanted: &Lattice) -> Diagnostic {
    error(format!("a direction of {} is needed here, not one of {}", wanted.name, found.name))
        .label(span, format!("a direction of {}", found.name))
        .label(array, format!("indexed by the directions of {}", wanted.name))
}

pub fn not_one_direction(span: &Span) -> Diagnostic {
    error("a single direction is needed here").label(span, "a sum or multiple of directions")
}

pub fn index_outside(span: &Span, index: i64, array: &Span, size: usize) -> Diagnostic {
    let found = error(format!("the index {index} lies outside: the array has {}", plural(size, "entry").replace("entrys", "entries")))
        .label(span, "outside")
        .label(array, format!("indices 0 … {}", size as i64 - 1));
    if index == size as i64 && size > 0 { found.help(format!("indices begin at 0; the last one is {} or -1", size - 1)) } else { found }
}

pub fn slice_outside(span: &Span, from: i64, to: i64, array: &Span, size: i64) -> Diagnostic {
    error(format!("the range {from}..{to} does not lie in 0..{size}")).label(span, "outside").label(array, format!("{size} entries"))
}

pub fn tuple_index(span: &Span, size: usize) -> Diagnostic {
    error(format!("a tuple of {size} is indexed by a known integer from 0 to {}", size as i64 - 1)).label(span, "not such an index")
}

pub fn filtered_array(span: &Span) -> Diagnostic {
    error("an array cannot leave members out: its size must be known")
        .label(span, "a filter belongs to sum, prod, max, min, any, all, count")
        .help("give left-out members a value: [if c { x } else { 0.0 } for …]")
}

pub fn zip_of_different(call: &Span, name: &str, a: (&Span, &Value), b: (&Span, &Value)) -> Diagnostic {
    error(format!("`{name}` pairs arrays over one index set")).label(call, "these differ").label(a.0, a.1.describe()).label(b.0, b.1.describe())
}

pub fn bins(span: &Span) -> Diagnostic {
    error("a histogram has a positive number of bins along each axis")
        .label(span, "this is none")
        .help("write `bins: 50`, in two dimensions also `bins: (50, 20)`")
}

pub fn range_of_bins(span: &Span, found: &Value) -> Diagnostic {
    error("a range goes from one real number to another")
        .label(span, format!("this is {}", found.describe()))
        .help("write `range: (-2, 2)`, in two dimensions also one for each axis, `range: ((-2, 2), (0, 1))`")
}

pub fn joint_of_one(call: &Span, span: &Span, found: &Value) -> Diagnostic {
    error(format!("a joint density is that of two real observables or of complex ones, not of {} alone", found.describe()))
        .label(span, format!("this is {}", found.describe()))
        .label(call, "in this histogram")
        .help("write `histogram2d(x, y)` for two observables of the same draws, `histogram(x)` for one")
}

pub fn joint_of_different(call: &Span, x: (&Span, &Value), y: (&Span, &Value)) -> Diagnostic {
    error("a joint density needs both observables of the same draws")
        .label(call, "these differ")
        .label(x.0, x.1.describe())
        .label(y.0, y.1.describe())
        .help("both come from the same ensemble, as in `histogram2d([w.q for w in z], [w.p for w in z])`")
}

pub fn joint_too_fine(span: &Span, bins: usize) -> Diagnostic {
    error(format!("the errors of {bins} bins would take more than half a gigabyte"))
        .label(span, "asked for here")
        .help("take fewer bins, `bins: (20, 20)`, or draws that are no chains, `values(x)`; a figure, which shows no errors, may have as many as you like")
}

// ---- lists, arrays, branches ----

pub fn list_of_different(span: &Span, found: &Value, first: &Value) -> Diagnostic {
    error("the elements of an array have one type")
        .label(span, format!("this is {}, the first one {}", found.describe(), first.describe()))
        .help("different things go together in a tuple ( , ) or a record { : }")
}

pub fn no_array_of(span: &Span, found: &Value) -> Diagnostic {
    error(format!("there are no arrays of {}", match found {
        Value::Function(_) => "functions".to_string(),
        Value::Site(_) => "sites".to_string(),
        Value::Unit => "nothing: the body has no value".to_string(),
        other => other.describe(),
    }))
    .label(span, "as the element of an array")
}

pub fn branches_differ(span: &Span, a: &Value, b: &Value) -> Diagnostic {
    if a.describe() == "a noise" && b.describe() == "a noise" {
        return error("an `if` does not choose between noises")
            .label(span, "both branches hold a noise")
            .help("choose its factor: `(if … { 1.0 } else { 2.0 }) * dW`");
    }
    if let (Value::Differential(_), Value::Differential(_)) = (a, b) {
        return error("an `if` does not choose between terms with dt and noises")
            .label(span, format!("the first branch gives {}, the other {}", a.describe(), b.describe()))
            .help("choose the factors: `(if … { -x } else { 0.0 }) * dt + (if … { 1.0 } else { 2.0 }) * dW`");
    }
    error("both branches of an `if` must give the same type")
        .label(span, format!("the first gives {}, the other {}", a.describe(), b.describe()))
        .help("which branch is taken is known only while the program runs, and what comes after must fit both: let one of them give the other's type")
}

pub fn pattern_mismatch(span: &Span, count: usize, found: &Value) -> Diagnostic {
    let wrong = error(format!("{count} names cannot take apart {}", found.describe())).label(span, format!("{count} names"));
    let parts = |n: usize, what: &str| format!("write a name for each of its {n} {what}, `_` for one that is not needed: `let ({}) = …`", letters(n));
    match found {
        Value::Tuple(items) if items.len() > 1 => wrong.help(parts(items.len(), "parts")),
        Value::Record(fields) if fields.len() > 1 => wrong.help(parts(fields.len(), "fields")),
        Value::Number(n) => match n.sets.first() {
            None => wrong.help("a number has one name: `let x = …`; several values stand in brackets, `(1, 2)`"),
            Some(IndexSet::Range(size)) if (2..=LETTERS.len()).contains(size) => wrong.help(parts(*size, "entries")),
            Some(IndexSet::Range(_)) => wrong.help("give the array one name, and read its entries by index: `x[0]`, `x[1]`, from the end `x[-1]`"),
            Some(IndexSet::Lattice(l)) => wrong.help(format!(
                "give the field one name, and read it at a site: `φ[x]` with `for x in {0}`, by its number `φ[site({0}, 0)]`",
                l.name
            )),
            Some(IndexSet::Ensemble(_)) => wrong.help("give the ensemble one name; a sampler gives several observables if it keeps several: `keep: φ -> (mean(φ), mean(φ^2))`"),
            Some(_) => wrong.help("give the array one name, and read its entries by index"),
        },
        _ => wrong.help("give it one name: `let x = …`"),
    }
}

const LETTERS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// `a, b, c`, so many or some of them.
fn letters(count: usize) -> String {
    if count <= LETTERS.len() { LETTERS[..count].join(", ") } else { format!("{}, …", LETTERS[..3].join(", ")) }
}

pub fn no_value(span: &Span) -> Diagnostic {
    error("this gives no value").label(span, "no value").help("the value of a block is its last expression: an `if` gives one with `else` only, a `let` or a loop none")
}

// ---- assignment ----

pub fn assigned_constant(name: &Name, declared: Option<&Span>) -> Diagnostic {
    let found = error(format!("`{}` cannot be assigned", name.span.text())).label(&name.span, "assigned here");
    let param = declared.filter(|d| is_of_param(d));
    if let Some(span) = param {
        return found
            .label(span, "a param is one number for the whole run")
            .help(format!("give another value on the command line, `--{0} 2`, or the new value a name of its own: `let {0}_2 = …`", name.span.text()));
    }
    let found = match declared {
        Some(span) => found.label(span, "declared here, not by `var`"),
        None => found,
    };
    let text = name.span.text();
    if declared.is_some_and(is_of_parameter) {
        return found.help(format!("what a function is given stays as it is: begin with `var {text} = {text}`, a copy that may change, and give it back as the value"));
    }
    found.help(format!("declare it with `var {text} = …` if it is to change"))
}

/// `x` of `fn f(x, y)`
fn is_of_parameter(declared: &Span) -> bool {
    let line = declared.source.text[..declared.start].rsplit('\n').next().unwrap_or("");
    line.trim_start().starts_with("fn ") && line.matches('(').count() == line.matches(')').count() + 1
}

pub fn is_of_param(declared: &Span) -> bool {
    declared.source.text[..declared.start].trim_end().ends_with("param")
}

/// `let κ = 0.3` below `param κ = 0.2`
pub fn hidden_param(name: &Name, value: &Span, param: Option<&Span>) -> Diagnostic {
    let text = name.span.text();
    let warning = Diagnostic::warning(format!("`{text}` is a param: this value hides it, and `--{text}` changes nothing from here on")).label(&name.span, "the same name");
    let warning = match param {
        Some(span) => warning.label(span, "the param"),
        None => warning,
    };
    warning.help(format!("give the value a name of its own, or the param this value: `param {text} = {}`", short(value, "…")))
}

pub fn assigned_unknown(name: &Name, near: Option<&str>) -> Diagnostic {
    if let Some(declared) = closed::declared(name) {
        return behind_its_block(name, &declared);
    }
    let help = near.map(|n| format!("did you mean `{n}`?")).unwrap_or(format!("declare it first: `let {0} = …`, or `var {0} = …` if it is to change", name.span.text()));
    error(format!("nothing is called `{}` here", name.span.text())).label(&name.span, "assigned, but not declared").help(help)
}

pub fn assigned_outside(name: &Name, declared: Option<&Span>) -> Diagnostic {
    let found = error(format!("`{}` belongs to the outside of this function or comprehension", name.span.text()))
        .label(&name.span, "cannot be assigned from inside");
    let found = match declared {
        Some(span) => found.label(span, "declared here"),
        None => found,
    };
    found.help("return the new value instead, or carry it in a `for` statement")
}

pub fn var_changes_type(span: &Span, old: &str, new: &str) -> Diagnostic {
    let found = error(format!("a `var` keeps its type: it was {old}, this is {new}")).label(span, format!("this is {new}"));
    if old.contains('[') && new.contains('[') {
        return found.help("an array keeps its size: give the new one a name of its own, `let y = …`");
    }
    if old == "int" && new == "real" { found.help("let it begin as a real number: `var x = 0.0`") } else { found }
}

pub fn no_part(span: &Span, found: &Value) -> Diagnostic {
    error(format!("{} has no such part", found.describe())).label(span, "cannot be assigned")
}

// ---- calls ----

const CANNOT_BE_CALLED: &str = " cannot be called";

pub fn not_a_function(span: &Span, found: &Value, called: &str) -> Diagnostic {
    let wrong = error(format!("{called}{CANNOT_BE_CALLED}")).label(span, "not a function");
    match found {
        Value::Number(n) if !n.is_scalar() => wrong.help(format!("an array is read with square brackets: `{}[i]`", short(span, "x"))),
        _ if span.source.text[span.end..].starts_with("()") => wrong.help(format!("leave the brackets out: `{}`", short(span, "x"))),
        Value::Number(_) => wrong.help(format!("a product is written `{} * (…)`", short(span, "a"))),
        Value::Set(_) => wrong.help(format!("write it without brackets: `{}`", short(span, "Λ"))),
        _ => wrong,
    }
}

pub fn argument_count(call: &Span, name: &str, wanted: usize, found: usize) -> Diagnostic {
    error(format!("`{name}` takes {}, not {found}", plural(wanted, "argument"))).label(call, format!("{found} given"))
}

pub fn builtin_arguments(call: &Span, name: &str, usage: &str, wanted: usize, found: usize) -> Diagnostic {
    let wrong = match usage.contains("), ") || usage.contains('…') {
        // Called in several ways.
        true => error(format!("`{name}` is not called with {}", plural(found, "argument"))).label(call, format!("{found} given")),
        false => argument_count(call, name, wanted, found),
    };
    match name {
        "normal" | "uniform" | "exponential" if found > wanted => wrong.help(format!("write {usage}; how many are drawn is said by the type: `let x: real[10] ~ {usage}`")),
        "grad" | "jacobian" | "hessian" | "divergence" | "laplacian" | "value_and_grad" if found > wanted => {
            wrong.help(format!("it gives a function, which is called with the values: `{name}(f)(x)`"))
        }
        _ => wrong.help(format!("write {usage}")),
    }
}

/// Of an elementary function.
pub fn primitive_arguments(call: &Span, name: &str, doc: &str, wanted: usize, found: usize) -> Diagnostic {
    let wrong = argument_count(call, name, wanted, found);
    match name {
        "round" | "floor" | "ceil" | "trunc" if found == 2 => wrong.help(format!("digits are said where the number is printed, `{{x:.2}}`; to two digits it is rounded by `{name}(100 * x) / 100`")),
        _ => wrong.help(format!("{name}: {doc}")),
    }
}

pub fn builtin_missing(call: &Span, name: &str, argument: &str, usage: &str) -> Diagnostic {
    error(format!("`{name}` needs the argument `{argument}`")).label(call, "missing here").help(format!("write {usage}"))
}

pub fn no_named_arguments(name: &Name, function: &str) -> Diagnostic {
    error(format!("the arguments of `{function}` have no names")).label(&name.span, "named")
}

/// `hmc(S, κ: 0.2)`
pub fn argument_of_other(name: &Name, function: &str, other: &crate::syntax::ast::Function) -> Diagnostic {
    let (text, s) = (name.span.text(), other.name.span.text());
    let parameters: Vec<String> = other.parameters.iter().filter(|p| p.name.text != name.text).map(declared_parameter).collect();
    let names: Vec<&str> = other.parameters.iter().map(|p| if p.name.text == name.text { "…" } else { p.name.span.text() }).collect();
    let kind = if other.kind == crate::syntax::ast::FunctionKind::Action { "action" } else { "fn" };
    error(format!("`{text}` is an argument of {s}, not of {function}"))
        .label(&name.span, format!("{function} has no such argument"))
        .label(&other.name.span, format!("{s} has it"))
        .help(format!("give {s} its value first, `{kind} T({}) = {s}({})`, and call `{function}(T)`; or let `{text}` be a param that {s} reads", parameters.join(", "), names.join(", ")))
}

/// `φ: real[Λ]`
fn declared_parameter(parameter: &crate::syntax::ast::Parameter) -> String {
    let name = &parameter.name.span;
    parameter.ty.as_ref().map_or(name.text().to_string(), |ty| name.to(&ty.span).text().to_string())
}

pub fn unknown_argument(name: &Name, function: &str, near: Option<&str>, known: &str) -> Diagnostic {
    let found = error(format!("`{function}` has no argument `{}`", name.span.text())).label(&name.span, "no such argument");
    let list = (!known.is_empty()).then(|| format!("its arguments: {known}"));
    let word = match (function, &*name.text) {
        ("plot", "xlabel" | "x_label") => Some("write `x: \"…\"`".to_string()),
        ("plot", "ylabel" | "y_label") => Some("write `y: \"…\"`".to_string()),
        ("plot", "xscale" | "yscale" | "log" | "scale") => Some("write `log_x: true`, `log_y: true`".to_string()),
        ("plot", "filename" | "path" | "save" | "name") => Some("write `file: \"….svg\"`".to_string()),
        ("plot", "xlim" | "range" | "xrange") => Some("of a function `over: (0, 1)` says where it is drawn; else the data do".to_string()),
        _ => foreign::argument(function, &name.text).map(str::to_string),
    };
    with_help(found, word.or(did_you_mean(near)).or(list))
}

pub fn too_many_arguments(call: &Span, function: &Name, known: &str, wanted: usize) -> Diagnostic {
    let wrong = error(format!("too many arguments: `{}` takes {wanted}", function.text)).label(call, "too many");
    if known.is_empty() { wrong } else { wrong.help(format!("its arguments: {known}")) }
}

pub fn argument_twice(span: &Span, name: &str) -> Diagnostic {
    error(format!("the argument `{name}` is given twice")).label(span, "the second time")
}

pub fn missing_argument(call: &Span, function: &Name, name: &str, known: &str) -> Diagnostic {
    error(format!("`{}` needs the argument `{name}`", function.text)).label(call, "missing here").help(format!("its arguments: {known}"))
}

/// `S(m: 0.3)` for the action with m fixed
pub fn action_without_field(call: &Span, action: &Name, field: &str, known: &str) -> Diagnostic {
    let s = &action.text;
    error(format!("`{s}` needs the argument `{field}`"))
        .label(call, "missing here")
        .help(format!("its arguments: {known}; with some of them fixed it is an action of its own: action T({field}: real[Λ]) = {s}({field}, 0.3)"))
}

pub fn action_of_several(call: &Span, action: &Name, known: &str) -> Diagnostic {
    error(format!("a sampler takes an action of one argument: `{}` has several ({known})", action.span.text()))
        .label(call, "called with one argument")
        .help("several fields go into one record, action S(z: {φ: real[Λ], χ: real[Λ]}) = …; others are fixed in an action of its own, action T(φ: real[Λ]) = S(φ, 0.3)")
}

pub fn recursion(call: &Span, name: &str, declared: &Span) -> Diagnostic {
    error(format!("`{name}` calls itself: functions are not recursive"))
        .label(call, "here")
        .label(declared, "declared here")
        .help("write a loop: `for` or `while` with a `var`")
}

pub fn top_level_only(span: &Span) -> Diagnostic {
    error("`use`, `param` and `test` stand at the top level of a program").label(span, "inside a block")
}

pub fn effect_inside(call: &Span, name: &str, usage: &str) -> Diagnostic {
    error(format!("`{name}` stands as a statement of the script, not inside an expression or a function"))
        .label(call, "here")
        .help(format!("at the top level, in its blocks or in a test: {usage}"))
}

/// The library's assertions speak of its caller's mistakes: the call says more than the condition.
pub fn assertion(condition: &Span, text: &str, in_library: bool) -> Diagnostic {
    error(text).label(condition, if in_library { "" } else { "does not hold" })
}

// ---- draws ----

pub fn draw_in_action(span: &Span, action: &str) -> Diagnostic {
    error(format!("an action is a function of its fields: in {action} nothing can be drawn"))
        .label(span, "drawn anew at each call")
        .help("make what is drawn a parameter of the action or a value before it, or write `fn` for `action`")
}

pub fn draw_shape(span: &Span, wanted: &str, found: &str) -> Diagnostic {
    error(format!("this distribution has the shape of {found}, but {wanted} is drawn"))
        .label(span, format!("numbers over {found}"))
        .help(format!("write `let x: {found} ~ …`, or numbers for the distribution's arguments"))
}

pub fn no_draws_of(span: &Span, what: &str) -> Diagnostic {
    let help = match what.starts_with("complex") {
        true => "draw the parts and put them together: complex(x, y) with x, y ~ normal(0, 1)",
        false => "draw real numbers and round them: floor(x) as int with x ~ uniform(0, 10)",
    };
    error(format!("random numbers are real or f32, not {what}")).label(span, format!("drawn as {what}")).help(help)
}

pub fn law_of_complex(span: &Span, what: &str) -> Diagnostic {
    error(format!("{what} is real")).label(span, "this is complex").help(
        "complex numbers are drawn by their parts: complex(x, y) with x, y ~ normal(0, 1); paths of complex states begin where a function of their number says, from: k -> …, or at multinormal(mean, covariance) of first all real parts, then all imaginary ones",
    )
}

pub fn negative_deviation(span: &Span) -> Diagnostic {
    error("a standard deviation cannot be negative").label(span, "normal(mean, deviation)")
}

pub fn uniform_backwards(call: &Span) -> Diagnostic {
    error("an interval goes from a smaller to a larger number").label(call, "between these lies nothing").help("write uniform(low, high), with the smaller number first")
}

pub fn rate_not_positive(span: &Span) -> Diagnostic {
    error("the rate of an exponential distribution is positive").label(span, "not above 0").help("the mean of `exponential(rate)` is 1 / rate")
}

pub fn mean_of_nothing(span: &Span) -> Diagnostic {
    error("the mean of nothing").label(span, "an array without entries")
}

// ---- lattices ----

pub fn empty_lattice(span: &Span) -> Diagnostic {
    error("a lattice needs at least one site in each direction").label(span, "no sites")
}

pub fn unknown_boundary(span: &Span, word: &str) -> Diagnostic {
    error(format!("`{word}` is no boundary condition")).label(span, "here").help("boundaries are \"periodic\", \"antiperiodic\" and \"open\"")
}

pub fn boundary_count(span: &Span, wanted: usize, found: usize) -> Diagnostic {
    error(format!("a lattice with {} needs as many boundaries", plural(wanted, "direction"))).label(span, format!("{found} given"))
}

// ---- derivatives ----

pub fn nothing_to_differentiate(span: &Span, found: &Value) -> Diagnostic {
    error(format!("there is no derivative by {}", found.describe())).label(span, format!("this is {}", found.describe()))
}

pub fn action_not_scalar(action: &Name, result: &Span, found: &Value) -> Diagnostic {
    let wrong = error(format!("an action is a number, but {} gives {}", action.span.text(), found.describe()))
        .label(result, format!("this is {}", found.describe()))
        .label(&action.span, "this action");
    let whole = short(result, "…");
    match found {
        Value::Number(n) if n.kind != Kind::Bool => wrong.help(format!("sum it over its index set: `sum({whole})`, or `sum(… for x in {})`", n.sets[0].describe())),
        Value::Unit => wrong.help("the value of a block is its last expression"),
        _ => wrong,
    }
}

pub fn gradient_of_many(call: &Span, function: &str, result: &Value) -> Diagnostic {
    let found = error(format!("the gradient is of a number, but {function} gives {}", result.describe())).label(call, "its gradient here");
    match result {
        Value::Number(n) if !n.is_scalar() => found.help("sum it over its indices, or take `jacobian(f)`"),
        Value::Number(_) => found.help("integers and conditions have no derivative"),
        _ => found,
    }
}

pub fn derivative_of(call: &Span, what: &str, argument: &Value, result: &Value) -> Diagnostic {
    let wanted = match what {
        "divergence" => "an array to one over the same index sets",
        "jacobian" => "a real array to a real array",
        _ => "a real array to a number",
    };
    error(format!("`{what}` takes a function from {wanted}"))
        .label(call, format!("this one goes from {} to {}", argument.describe(), result.describe()))
}

pub fn not_holomorphic(call: &Span, function: &str, part: &Span) -> Diagnostic {
    error(format!("{function} is complex but not holomorphic: it has no complex derivative"))
        .label(call, "its derivative here")
        .label(part, "takes a part of the complex variable")
        .help("differentiate a real function of it, or write it without re, im, abs, conj and arg")
}

pub fn no_declared_state(span: &Span, found: &str) -> Diagnostic {
    error(format!("{found} does not say what type its field has"))
        .label(span, "needed to know what to sample")
        .help("declare the type: action S(φ: real[Λ]) = …, process p(φ: real[Λ]) { … }; where an action has further arguments, one of its own fixes them: action T(φ: real[Λ]) = S(φ, 0.3)")
}

// ---- processes ----

pub fn two_lines(state: &Name, first: &Name) -> Diagnostic {
    error(format!("the state {} has two `d` lines", state.span.text()))
        .label(&state.span, "the second line")
        .label(&first.span, "the first one")
        .help("add them up: one line for each state, with one dt")
}

pub fn no_state(state: &Name, process: &crate::syntax::ast::Process) -> Diagnostic {
    let name = state.span.text();
    error(format!("{name} is no parameter of the process {}", process.name.span.text()))
        .label(&state.span, "no such state")
        .label(&process.name.span, "its states are its parameters")
        .help(format!("write `process {}({name}: real, …)`", process.name.span.text()))
}

pub fn no_line(parameter: &Name) -> Diagnostic {
    let name = parameter.span.text();
    if matches!(name, "dt" | "dW" | "dZ") {
        return error(format!("{name} is no state of a process"))
            .label(&parameter.span, "not a parameter")
            .help(format!("leave it out: {name} is known in the `d` lines, and the length of a step is said by `simulate(p, from: …, dt: 0.01)`"));
    }
    error(format!("the state {name} has no `d` line"))
        .label(&parameter.span, "how does it move?")
        .help(format!("write `d {name} = … * dt + … * dW`; time is the parameter `t`, and constants are params or `let`s"))
}

pub fn no_states(process: &Name) -> Diagnostic {
    error(format!("the process {} has no state", process.span.text()))
        .label(&process.span, "nothing moves")
        .help("write `process p(x: real) { d x = … * dt + … * dW }`")
}

pub fn time_comes_last(state: &Name) -> Diagnostic {
    error("time comes after the states of a process").label(&state.span, "a state after t").help("write `process p(x: real, t)`")
}

pub fn default_of_state(span: &Span) -> Diagnostic {
    error("a state of a process has no default").label(span, "not here").help("where it begins is said by `simulate(p, from: …)`")
}

pub fn no_line_of_a_process(span: &Span) -> Diagnostic {
    error("a process has lines `d x = …`, `noise dB: …` and `let …`")
        .label(span, "none of these")
        .help("it is a function of its states: nothing is drawn or assigned in it")
}

pub fn state_of_no_numbers(span: &Span, found: &Value) -> Diagnostic {
    error(format!("the state of a process is a real, f32 or complex number or an array of them, not {}", found.describe()))
        .label(span, format!("this is {}", found.describe()))
}

pub fn noise_of_no_numbers(span: &Span, found: &str) -> Diagnostic {
    error(format!("a noise is real, f32 or complex, or an array of such, not {found}")).label(span, "the type of this noise")
}

pub fn unused_noise(name: &Name) -> Diagnostic {
    let text = name.span.text();
    error(format!("the noise {text} stands in no `d` line"))
        .label(&name.span, "declared, never used")
        .help(format!("write `B @ {text}` for a matrix B, or `b * {text}` if it has the shape of the state"))
}

pub fn no_differential(span: &Span, found: &Value) -> Diagnostic {
    error(format!("a `d` line is a sum of terms with dt and noises, not {}", found.describe()))
        .label(span, "neither dt nor a noise")
        .help("multiply the drift by dt: `d x = a * dt + b * dW`")
}

pub fn term_without_differential(span: &Span, found: &Value, op_span: &Span) -> Diagnostic {
    error(format!("this term has neither dt nor a noise: it is {}", found.describe()))
        .label(span, "a plain value")
        .label(op_span, "added to a differential")
        .help("multiply the drift by dt: `d x = a * dt + b * dW`")
}

pub fn product_of_differentials(whole: &Span, left: &Span, right: &Span) -> Diagnostic {
    let (a, b) = (left.text().trim(), right.text().trim());
    let twice = a.ends_with("dt") && b.starts_with("dt");
    let said = if twice { "dt stands twice in this term".to_string() } else { format!("`{a}` times `{b}` is a product of two differentials") };
    let help = if twice {
        "a drift is multiplied by dt once: `a * dt`"
    } else {
        "a `d` line is linear in dt and the noises (by Itô's rules dt·dW is 0, and dW² is dt)"
    };
    error(said).label(whole, "second order").help(help)
}

pub fn not_linear(place: &Span, what: &str, differential: &str, span: &Span) -> Diagnostic {
    let help = match what {
        "sqrt" => "√dt times a normal random number is the noise itself: `dW`, with a factor `b(x) * dW`",
        _ => "a noise stands alone or with a factor that knows the state only: `b(x) * dW`, `B(x) @ dB`",
    };
    error(format!("a `d` line is linear in dt and the noises, and `{what}` is not"))
        .label(place, "not linear")
        .label(span, format!("this is {differential}"))
        .help(help)
}

pub fn stratonovich_of(op_span: &Span, right: &Span) -> Diagnostic {
    error("`∘` stands between a factor and a noise")
        .label(right, "not a noise by itself")
        .label(op_span, "Stratonovich product")
        .help("write `b ∘ dW`, with all factors on the left")
}

pub fn scaled_matrix_noise(factor: &Span, noise: &Span) -> Diagnostic {
    error("an array times `B @ dB` is not defined: put the factor into the matrix")
        .label(factor, "this factor")
        .label(noise, "a noise with a matrix")
        .help("write `[f[i] * B[i, k] for i in n, k in m] @ dB`")
}

pub fn matrix_of_noise(matrix: &Span, noise: &Span) -> Diagnostic {
    error("`@` in a `d` line stands between a matrix and a noise")
        .label(matrix, "the matrix")
        .label(noise, "not a noise by itself")
        .help("declare `noise dB: real[k]` and write `B @ dB`")
}

pub fn complex_noise_of_real(span: &Span, noise: &str) -> Diagnostic {
    error(format!("{noise} is a complex noise, and the state is real"))
        .label(span, "complex")
        .help("write dW: real noise of unit rate in each component")
}

pub fn no_increments(call: &Span) -> Diagnostic {
    error("the increments of the noise are missing").label(call, "in this call").help("write `p.noise_term(x, t, dW)`")
}

pub fn process_arguments(call: &Span, process: &str, usage: &str, given: usize) -> Diagnostic {
    error(format!("{process} is a function of ({usage}), and {} given", if given == 1 { "1 argument is".into() } else { format!("{given} arguments are") }))
        .label(call, "in this call")
}

pub fn call_of_process(span: &Span, name: &str) -> Diagnostic {
    error(format!("{name} is a process, not a function"))
        .label(span, "called here")
        .help(format!("write `simulate({name}, from: …)`, `{name}.drift(x)`, `{name}.diffusion(x)`"))
}

pub fn path_count(span: &Span, own: usize, wanted: usize) -> Diagnostic {
    error(format!("`from` holds {}, and {} wanted", plural(own, "state"), if wanted == 1 { "1 path is".into() } else { format!("{wanted} paths are") }))
        .label(span, format!("{} here", plural(own, "state")))
        .help("leave `paths` out: there is one path from each")
}

pub fn beginning(span: &Span, found: &str, state: &str) -> Diagnostic {
    error(format!("a path begins at a state, which is {state}, not at {found}"))
        .label(span, format!("this is {found}"))
        .help(if state.starts_with('{') && found.contains("distribution") {
            "give a record with a distribution or a number for each state, or a distribution over all their components: multinormal, or what a kernel makes"
        } else {
            "give a distribution, one state for all paths, an array of states over the paths, or a function of the path's number"
        })
}

pub fn no_such_state(span: &Span, name: &str, states: &[&str]) -> Diagnostic {
    error(format!("the process has no state `{name}`"))
        .label(span, format!("begins also at `{name}`"))
        .help(format!("its states: {}", states.join(", ")))
}

pub fn score_of_other_type(span: &Span, state: &str, found: &str) -> Diagnostic {
    error(format!("a score has the type of the state, {state}, not {found}"))
        .label(span, format!("this is {found}"))
        .help("the score is the gradient of log p(x, t) by the state x")
}

pub fn score_of_no_state(span: &Span, name: &str) -> Diagnostic {
    error(format!("the score has a part `{name}`, which is no state of the process")).label(span, "this score")
}

pub fn score_lacks_state(span: &Span, name: &str) -> Diagnostic {
    error(format!("the score has no part `{name}`, and noise enters that state"))
        .label(span, "this score")
        .help(format!("only states without noise may be left out: add `{name}: …`, the derivative of the log density by {name}"))
}

pub fn no_draw(span: &Span) -> Diagnostic {
    error("a distribution of one's own is a record with a function `draw`")
        .label(span, "no such function")
        .help("write `distribution({draw: like -> …, log_density: x -> …, mean: …})`; `like` are zeros of the type that is drawn")
}

pub fn kernel_of_nonlinear(span: &Span, process: &str, term: &Span) -> Diagnostic {
    error(format!("{process} has no Gaussian kernel: its drift is not affine in the state"))
        .label(term, "not linear in the state")
        .label(span, "its kernel is asked for here")
        .help("simulate it, or write a process with a linear drift")
}

pub fn kernel_of_state_noise(span: &Span, process: &str, declared: &Span) -> Diagnostic {
    error(format!("{process} has no Gaussian kernel: its noise depends on the state"))
        .label(span, "its kernel is asked for here")
        .label(declared, "declared here")
        .help("simulate it, or write a process with additive noise")
}
