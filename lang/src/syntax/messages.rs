//! What is said about a text that cannot be read: one function for each mistake.

use super::ast::{BinaryOp, Expr, ExprKind};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

// Brackets and lines.

pub fn unclosed_bracket(opener: &Span, closer: &str, at: &Span) -> Diagnostic {
    Diagnostic::error(format!("this `{}` is never closed", opener.text()))
        .label(opener, "opened here")
        .label(at, format!("`{closer}` is missing here, if not before"))
        .help(format!("write the `{closer}` that belongs to it"))
}

pub fn stray_closer(at: &Span, closer: &str) -> Diagnostic {
    Diagnostic::error(format!("this `{closer}` closes nothing"))
        .label(at, "no bracket is open here")
        .help("take it away, or write the bracket that it should close")
}

pub fn wrong_closer(opener: &Span, expected: &str, at: &Span, found: &str) -> Diagnostic {
    Diagnostic::error(format!("`{}` is closed by `{found}`", opener.text()))
        .label(at, format!("here `{expected}` should stand"))
        .label(opener, "opened here")
        .help(format!("write `{expected}` for `{found}`, or open the bracket with its partner"))
}

pub fn too_deep(at: &Span) -> Diagnostic {
    Diagnostic::error("too many brackets lie inside each other")
        .label(at, "the one that is too many")
        .help("give inner parts names with `let`, and use the names")
}

pub fn too_long(at: &Span) -> Diagnostic {
    Diagnostic::error("this expression is too long to be read in one piece")
        .label(at, "too many operators up to here")
        .help("give parts of it names with `let`; sums of many terms are written `sum(… for i in n)`")
}

pub fn else_on_its_own_line(at: &Span, before: &Span) -> Diagnostic {
    Diagnostic::error("`else` stands on the line of the `}` before it")
        .label(at, "this begins a new statement")
        .label(before, "`else` belongs here")
        .help("write `} else {`")
}

pub fn brace_on_its_own_line(at: &Span, before: &Span) -> Diagnostic {
    Diagnostic::error("the `{` of a block stands on the line of its head")
        .label(at, "this begins a new statement")
        .label(before, "`{` belongs here")
        .help("put the `{` at the end of the line before")
}

pub fn line_begins_with_operator(at: &Span, operator: &str, before: &Span) -> Diagnostic {
    if operator == "//" {
        return Diagnostic::error("a comment begins with `#`")
            .label(at, "`//` is the division that rounds down")
            .help("write `# …`");
    }
    Diagnostic::error(format!("a line cannot begin with `{operator}`: the statement before it has ended"))
        .label(at, "goes on with the line before")
        .label(before, "the statement ends here")
        .help(format!("put the `{operator}` at the end of the line before, or the whole into brackets ( )"))
}

/// `let x = { … }`, `fn f(x) = { … }`
pub fn block_in_expression(at: &Span, before: &Span, head: &str, member: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("a block cannot stand here").label(at, "opens a block");
    let diagnostic =
        if before.start < at.start { diagnostic.label(before, "behind this a value stands") } else { diagnostic };
    match (member, head) {
        (Some(name), _) if name.starts_with(|c: char| c.is_alphabetic() || c == '_') => diagnostic.help(format!("a record is written `{{{name}: …}}`")),
        _ if inside_of(at).contains(" for ") => diagnostic.help("an array is built in square brackets: `[i^2 for i in 10]`"),
        _ if inside_of(at).trim_start().starts_with('"') => {
            diagnostic.help("the names of a record stand without quotes: `{a: 1, b: 2}`, read as `x.a`")
        }
        _ if before.text() == "=" && inside_of(at).trim_start().starts_with(|c: char| c.is_ascii_digit()) => {
            diagnostic.help("an array is written in square brackets: `[1.0, 2.0]`")
        }
        (_, "process") if before.text() == "=" => {
            diagnostic.help("a process has a block with a line for each of its states: leave out the `=`")
        }
        (_, "fn" | "action" | "layer" | "network") if before.text() == "=" => {
            diagnostic.help("a function has either `= …` or a block: leave out the `=`")
        }
        _ => diagnostic.help("a record is `{a: 1, b: 2}`. A block stands after the head of `fn`, `for`, `while`, `if`, `else` and behind `->`"),
    }
}

/// The text behind an opening brace, to its end or that of its line.
fn inside_of(brace: &Span) -> &str {
    brace.source.text[brace.start + 1..].split(['}', '\n']).next().unwrap_or("")
}

// Strings.

pub fn three_quotes(at: &Span) -> Diagnostic {
    Diagnostic::error("a text has one quotation mark at each end, and no statement of its own")
        .label(at, "three of them")
        .help("a comment begins with `#` on each of its lines; `##` before a declaration documents it")
}

pub fn open_text(at: &Span) -> Diagnostic {
    Diagnostic::error("this string is not closed")
        .label(at, "it ends with its line")
        .help("write `\"` at its end. A string cannot go over several lines")
}

pub fn quote_in_string(at: &Span) -> Diagnostic {
    Diagnostic::error("a straight double quote cannot stand in a string")
        .label(at, "the string ends here: `\\` is a character like others")
        .help("write other quotation marks in it, `'…'` or `“…”`")
}

pub fn open_hole(at: &Span) -> Diagnostic {
    Diagnostic::error("this `{` is not closed before its string ends")
        .label(at, "a value in the string begins here")
        .help("write `}` behind the value; a brace itself is `{{`. Inside { } no quotes can stand: give such a value a name before")
}

pub fn lone_brace(at: &Span) -> Diagnostic {
    Diagnostic::error("a `}` in a string closes the `{` of a value, and there is none")
        .label(at, "closes nothing")
        .help("a brace itself is written `}}`")
}

/// Two parameters, fields or names of a pattern.
pub fn name_twice(first: &Span, second: &Span) -> Diagnostic {
    Diagnostic::error(format!("the name `{}` stands here twice", second.text()))
        .label(second, "the second time")
        .label(first, "the first time")
        .help("give each a name of its own")
}

pub fn unknown_format(at: &Span, format: &str) -> Diagnostic {
    let message = match format {
        _ if format.len() > 9 => "this format has too many digits".to_string(),
        "" => "the format of this value is missing".to_string(),
        _ => format!("`{format}` is not a format of numbers"),
    };
    Diagnostic::error(message)
        .label(at, "says how the value is printed")
        .help("write `{x:.3}` for three digits behind the point, `{x:8.3}` for eight places in all, `{x:e}` for powers of ten")
}

pub fn value_in_plain_text(at: &Span) -> Diagnostic {
    Diagnostic::error("this text is taken as it stands and cannot hold values")
        .label(at, "has a `{ }`")
        .help("write the text itself; a brace is `{{` or `}}`")
}

pub fn single_quotes(at: &Span) -> Diagnostic {
    Diagnostic::error("text stands in double quotes")
        .label(at, "`'` is the transpose of what stands before it")
        .help("write `\"…\"`")
}

pub fn string_prefix(at: &Span, prefix: &str) -> Diagnostic {
    Diagnostic::error(format!("a string needs no `{prefix}` before it"))
        .label(at, "this")
        .help("write `\"m = {m:.3}\"`: values in { } are filled in, everything else is taken as it stands")
}

// Spellings from elsewhere.

pub fn written_differently(at: &Span, found: &str, what: &str, write: &str) -> Diagnostic {
    Diagnostic::error(format!("`{found}` is not how {what} is written"))
        .label(at, "not part of the language")
        .help(format!("write {write}"))
}

/// `letter` is the name that the character touches.
pub fn unknown_character(at: &Span, found: &str, letter: Option<&str>) -> Diagnostic {
    let mark = match found.chars().next() {
        Some('\u{302}') => "hat",
        Some('\u{303}') => "tilde",
        Some('\u{304}' | '\u{305}') => "bar",
        Some('\u{307}') => "dot",
        Some('\u{308}') => "ddot",
        Some('\u{20D7}') => "vec",
        _ => "",
    };
    if let (Some(name), false) = (letter, mark.is_empty()) {
        return Diagnostic::error(format!("`{name}{found}` is not a name: letters carry no marks"))
            .label(at, "a mark above the letter")
            .help(format!("write `{name}_{mark}`"));
    }
    let character = found.chars().next().unwrap_or(' ');
    let code = u32::from(character);
    // What has no shape of its own is told by its number alone.
    let called = if character.is_control() { format!("character U+{code:04X}") } else { format!("character `{found}` (U+{code:04X})") };
    Diagnostic::error(format!("the {called} has no meaning in a program"))
        .label(at, "not part of the language")
        .help("names are letters, digits and `_`. In strings and comments any character may stand")
}

pub fn block_comment(at: &Span) -> Diagnostic {
    Diagnostic::error("a comment begins with `#` and ends with its line")
        .label(at, "`/* */` has no meaning")
        .help("write `# …`, on each line")
}

pub fn updating(at: &Span, target: &str, operator: &str) -> Diagnostic {
    let target = if target.is_empty() || target.len() > 40 { "x" } else { target };
    Diagnostic::error(format!("`{}` has no meaning here: a new value is given with `=`", at.text()))
        .label(at, "not part of the language")
        .help(format!("write `{target} = {target} {operator} …`"))
}

pub fn increment(at: &Span, target: &str) -> Diagnostic {
    let target = if target.chars().all(super::tokens::is_letter) && !target.is_empty() { target } else { "i" };
    Diagnostic::error("`++` has no meaning here")
        .label(at, "not part of the language")
        .help(format!("write `{target} = {target} + 1`, or `a + b` for a sum"))
}

pub fn counting_for(at: &Span) -> Diagnostic {
    Diagnostic::error("a `for` runs over a set of values: it has no counter of its own to be raised")
        .label(at, "this `for`")
        .help("write `for i in 10 { … }` for i from 0 to 9, or `for i in 1..n { … }`")
}

pub fn line_goes_on(at: &Span) -> Diagnostic {
    Diagnostic::error("a line needs no `\\` to go on")
        .label(at, "not part of the language")
        .help("leave it out: a line goes on behind an operator, a comma and an open bracket")
}

pub fn latex_command(at: &Span, word: &str) -> Diagnostic {
    let write = match word {
        "frac" | "tfrac" | "dfrac" => "a quotient is written `a / b`",
        "sqrt" => "a root is written `sqrt(x)`, or `√x`",
        "sum" => "a sum is written `sum(i^2 for i in 1..11)`, over a lattice `sum(φ[x]^2 for x in Λ)`",
        "prod" => "a product is written `prod(i for i in 1..11)`",
        "int" => "an integral is written `integrate(f, a, b)`",
        _ => "Greek letters are their names, `phi` or `φ`; indices stand in square brackets, `x[i]`",
    };
    Diagnostic::error("formulas are not written in LaTeX").label(at, "begins here").help(write)
}

pub fn full_width(at: &Span, found: &str, plain: &str) -> Diagnostic {
    Diagnostic::error(format!("`{found}` is a wide character that only looks like `{plain}`"))
        .label(at, "not part of the language")
        .help(format!("write `{plain}`"))
}

pub fn factorial(at: &Span, number: &str) -> Diagnostic {
    Diagnostic::error("`!` stands only in `!=`")
        .label(at, "not part of the language")
        .help(format!("a factorial is `prod(k for k in 1..{number} + 1)`, of a real number `exp(lgamma(x + 1))`"))
}

pub fn backslash(at: &Span, word: &str) -> Diagnostic {
    let word = if word.is_empty() { "phi" } else { word };
    Diagnostic::error("`\\` has no meaning in a program")
        .label(at, "not part of the language")
        .help(format!("write `{word}`, or the letter itself: the two are the same name"))
}

/// `A \\ b`
pub fn left_division(at: &Span) -> Diagnostic {
    Diagnostic::error("there is no division from the left")
        .label(at, "not part of the language")
        .help("the x with A @ x = b is `solve(A, b)`")
}

pub fn small_letters(at: &Span, name: &str, letters: &str) -> Diagnostic {
    let plain: String = letters.chars().map(plain_letter).collect();
    let lowered = letters.chars().all(|c| matches!(c, '\u{2080}'..='\u{209F}' | '\u{1D62}'..='\u{1D6A}'));
    let digits = plain.chars().all(|c| c.is_ascii_digit());
    let help = match (lowered, digits, plain.as_str()) {
        (true, true, _) => format!("write `{name}_{plain}` for a name, `{name}[{plain}]` for an element"),
        (true, false, _) => format!("write `{name}[{plain}]` for an element"),
        (false, _, "T") => format!("write `{name}'` for the transpose"),
        _ => format!("write `{name}^{plain}` for a power"),
    };
    Diagnostic::error(format!("`{letters}` has no meaning: raised digits are powers, lowered ones stand in no name"))
        .label(at, "not part of the language")
        .help(help)
}

fn plain_letter(c: char) -> char {
    match c {
        '₀'..='₉' => char::from_digit(c as u32 - '₀' as u32, 10).unwrap_or(c),
        'ⁿ' | 'ₙ' => 'n',
        'ⁱ' | 'ᵢ' => 'i',
        'ʲ' | 'ⱼ' => 'j',
        'ᵏ' | 'ₖ' => 'k',
        'ᵀ' | 'ᵗ' => 'T',
        'ₓ' | 'ˣ' => 'x',
        'ᵃ' | 'ₐ' => 'a',
        'ᵐ' | 'ₘ' => 'm',
        'ₜ' => 't',
        '⁺' | '₊' => '+',
        '₋' => '-',
        c => c,
    }
}

pub fn exclamation(at: &Span, negated: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("`!` stands only in `!=`").label(at, "not part of the language");
    match negated {
        Some(what) => diagnostic.help(format!("a negation is written `not {what}`")),
        None => diagnostic.help("a negation is written `not a`"),
    }
}

pub fn half_number(at: &Span, written: &str, whole: &str) -> Diagnostic {
    Diagnostic::error(format!("in `{written}` a digit is missing: a decimal point has digits on both sides"))
        .label(at, "this number")
        .help(format!("write `{whole}`"))
}

pub fn number_as_field(at: &Span, array: &str, digits: &str) -> Diagnostic {
    let array = if array.chars().all(super::tokens::is_letter) { array } else { "x" };
    Diagnostic::error("behind a `.` the name of a field stands, not a number")
        .label(at, "this number")
        .help(format!("an element is written `{array}[{digits}]`"))
}

pub fn number_before_name(at: &Span, number: &str, word: &str, declared: bool) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("`{}` is neither a number nor a name", at.text())).label(at, "here");
    if number == "0" && word.starts_with(['x', 'b', 'o']) {
        return diagnostic.help("numbers are written with decimal digits");
    }
    if declared {
        return diagnostic.help(format!("names begin with a letter: `{word}{number}`"));
    }
    if matches!(word, "j" | "I" | "J" | "im") {
        return diagnostic.help(format!("an imaginary number is written `{number}i`"));
    }
    let power = word.strip_prefix(['d', 'D']).filter(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()));
    if let Some(digits) = power {
        return diagnostic.help(format!("a power of ten is written `{number}e{digits}`"));
    }
    let signed = at.source.text[at.end..].strip_prefix('-').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if let (Some(rest), "d" | "D") = (signed, word) {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        return diagnostic.help(format!("a power of ten is written `{number}e-{digits}`"));
    }
    diagnostic.help(format!("a product is written `{number}*{word}`; names begin with a letter"))
}

pub fn colon_for_block(at: &Span, head: &Span, word: &str) -> Diagnostic {
    let example = match word {
        "for" => "for i in n { … }",
        "while" => "while x > 0 { … }",
        "def" | "fn" => "fn f(x) { … }",
        _ => "if x > 0 { … } else { … }",
    };
    // How far lines are moved in does not matter: only the braces count.
    Diagnostic::error(format!("what belongs to `{word}` stands in braces, not behind a `:`"))
        .label(at, "`{` should stand here")
        .label(head, "belongs to this")
        .help(format!("write `{example}`; how far lines are moved in does not matter"))
}

pub fn plus_sign(at: &Span) -> Diagnostic {
    Diagnostic::error("`+` stands between two values")
        .label(at, "nothing stands before it")
        .help("take it away: a number without a sign is positive")
}

pub fn capital_truth(at: &Span, word: &str) -> Diagnostic {
    Diagnostic::error(format!("`{word}` is written with a small letter"))
        .label(at, "not part of the language")
        .help(format!("write `{}`", word.to_lowercase()))
}

pub fn nothing(at: &Span, word: &str) -> Diagnostic {
    Diagnostic::error(format!("there is no `{word}`: every value is there"))
        .label(at, "not part of the language")
        .help("leave out an argument that should not be given")
}

pub fn else_if(at: &Span, word: &str) -> Diagnostic {
    Diagnostic::error(format!("`{word}` is two words here"))
        .label(at, "not part of the language")
        .help("write `} else if … {`")
}

pub fn function_word(at: &Span, word: &str, name: &str) -> Diagnostic {
    Diagnostic::error(format!("a function is declared with `fn`, not with `{word}`"))
        .label(at, "not part of the language")
        .help(format!("write `fn {name}(x) = …`, or `fn {name}(x) {{ … }}`"))
}

/// `Sum[f, {i, 1, n}]`
pub fn mathematica(at: &Span, word: &str) -> Diagnostic {
    let (what, write) = match word {
        "Sum" | "NSum" => ("a sum", "`sum(i^2 for i in 1..11)`, for i from 1 to 10"),
        "Product" => ("a product", "`prod(i^2 for i in 1..11)`, for i from 1 to 10"),
        "Table" => ("an array", "`[i^2 for i in 1..11]`, for i from 1 to 10"),
        "Do" => ("a loop", "`for i in 1..11 { … }`, for i from 1 to 10"),
        _ => ("an integral", "`integrate(x -> x^2, 0, 1)`"),
    };
    written_differently(at, &format!("{word}[…]"), what, write)
}

pub fn lambda_word(at: &Span, parameter: &str) -> Diagnostic {
    let x = if parameter.chars().all(super::tokens::is_letter) && !parameter.is_empty() { parameter } else { "x" };
    Diagnostic::error("a function without a name is written with an arrow")
        .label(at, "not part of the language")
        .help(format!("write `{x} -> …`, with several parameters `({x}, y) -> …`"))
}

pub fn return_word(at: &Span) -> Diagnostic {
    Diagnostic::error("there is no `return`: the value of a block is its last expression")
        .label(at, "not part of the language")
        .help("write the value alone, as the last line of the block")
}

pub fn import_word(at: &Span, word: &str, module: &str) -> Diagnostic {
    let elsewhere = ["numpy", "math", "cmath", "scipy", "jax", "torch", "np", "LinearAlgebra", "Random", "Statistics", "matplotlib"];
    if elsewhere.contains(&module) {
        return Diagnostic::error("everything that a program needs is there: nothing is imported")
            .label(at, "not part of the language")
            .help("take the line away: `exp(x)`, `sum(x)`, `inverse(A)`, `plot(x)`, … stand without a prefix");
    }
    Diagnostic::error(format!("a module is taken in with `use`, not with `{word}`"))
        .label(at, "not part of the language")
        .help(format!("write `use {module}`, and then `{}.name`", module.trim_matches('"')))
}

pub fn const_word(at: &Span, word: &str, name: &str) -> Diagnostic {
    Diagnostic::error(format!("a name is given with `let`, not with `{word}`"))
        .label(at, "not part of the language")
        .help(format!("write `let {name} = …`"))
}

pub fn let_mut(at: &Span, name: &str) -> Diagnostic {
    Diagnostic::error("what is to change is declared with `var`")
        .label(at, "not part of the language")
        .help(format!("write `var {name} = …`"))
}

// What the grammar allows and the language does not.

pub fn chained_comparison(left: &Expr, first: BinaryOp, second: &Span, right: &Expr) -> Diagnostic {
    let diagnostic = Diagnostic::error("comparisons cannot be chained").label(second, "the second comparison");
    let ExprKind::Binary { op_span, right: middle, .. } = &*left.kind else { return diagnostic };
    debug_assert!(first != BinaryOp::Range);
    let (before, between) = (left.span.text(), middle.span.text());
    diagnostic.label(op_span, "the first").help(format!(
        "write `{before} and {between} {} {}`",
        second.text(),
        right.span.text()
    ))
}

pub fn chained_range(at: &Span) -> Diagnostic {
    Diagnostic::error("a range has two ends and no step")
        .label(at, "the second `..`")
        .help("write `a..b`; every second element is `[x[2*i] for i in n // 2]`")
}

pub fn root_of_power(root: &Span, power: &Span, digits: &str) -> Diagnostic {
    let under = root.text().trim_start_matches('√').trim();
    Diagnostic::error(format!("`{}{digits}` can be read in two ways", root.text()))
        .label(power, "a power of the root, or under it?")
        .help(format!("write `√({under}{digits})`, or `({}){digits}`", root.text()))
}

pub fn pipe_into_comprehension(at: &Span) -> Diagnostic {
    Diagnostic::error("`|>` hands its value to a call, and this call has a `for` in its brackets")
        .label(at, "has no room for another argument")
        .help("write the call without `|>`")
}

pub fn named_comprehension(name: &Span, rest: &Span) -> Diagnostic {
    Diagnostic::error("`f(… for x in A)` has no names for its arguments")
        .label(name, "a name")
        .label(rest, "a `for`")
        .help(format!("for an array that is built, write `{}: [… for x in A]`", name.text()))
}

pub fn tuple_of_one(at: &Span) -> Diagnostic {
    Diagnostic::error("a tuple has two members at least")
        .label(at, "has one")
        .help("leave out the comma, or write `[a]` for an array of one element")
}

pub fn integer_too_large(at: &Span) -> Diagnostic {
    Diagnostic::error("this integer is too large: integers go up to 9223372036854775807")
        .label(at, "here")
        .help("write it with a decimal point or a power of ten, and it is a `real`")
}

pub fn real_too_large(at: &Span) -> Diagnostic {
    Diagnostic::error("this number is too large for a `real`, which goes up to 1.8e308")
        .label(at, "here")
        .help("infinity is `inf`")
}

pub fn only_at_top_level(at: &Span) -> Diagnostic {
    let word = at.text().split_whitespace().next().unwrap_or("use").to_string();
    Diagnostic::error(format!("`{word}` stands only outside of all braces"))
        .label(&Span { end: at.start + word.len(), ..at.clone() }, "here it is inside a block")
        .help("move the line to the top of the file")
}

pub fn cannot_assign(target: &Expr, value: &Span, draws: bool) -> Diagnostic {
    let sign = if draws { "~" } else { "=" };
    let diagnostic = Diagnostic::error(format!("before `{sign}` a name stands, an element or a field of it"))
        .label(&target.span, "cannot be given a value")
        .label(value, "the value");
    match &*target.kind {
        ExprKind::Call { function, .. } if matches!(*function.kind, ExprKind::Name(_)) => {
            diagnostic.help(format!("a function is declared with `fn {} = …`", target.span.text()))
        }
        ExprKind::Tuple(_) => diagnostic.help(format!("new names are given with `let {} = …`", target.span.text())),
        ExprKind::Binary { .. } => diagnostic.help("two values are compared with `==`; an equation is not solved"),
        _ => diagnostic.help("write `x = …`, `x[i] = …` or `x.field = …`"),
    }
}
