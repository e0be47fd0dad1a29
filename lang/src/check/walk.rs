//! Questions that the tree answers before anything is given a meaning: which names a block assigns, which calls it makes,
//! whether it prints.

use crate::syntax::ast::*;
use std::collections::HashMap;
use std::rc::Rc;

/// Calls `f` on every statement and expression below a block, outermost first. Where `f` returns false, it does not
/// go deeper.
pub fn block(block: &Block, f: &mut dyn FnMut(Node) -> bool) {
    block.statements.iter().for_each(|s| statement(s, f));
}

#[derive(Clone, Copy)]
pub enum Node<'a> {
    Statement(&'a Statement),
    Expr(&'a Expr),
}

pub fn statement(node: &Statement, f: &mut dyn FnMut(Node) -> bool) {
    if !f(Node::Statement(node)) {
        return;
    }
    match &node.kind {
        StatementKind::Use { .. } => {}
        StatementKind::Param { value, .. } | StatementKind::Lattice { value, .. } => expr(value, f),
        StatementKind::Function(function) => expr(&function.body, f),
        StatementKind::Process(_) => {}
        StatementKind::Test { body, .. } => block(body, f),
        StatementKind::Let { value, .. } | StatementKind::Weight { value, .. } => expr(value, f),
        StatementKind::Assign { target, value, .. } => {
            for access in &target.path {
                if let Access::Index(indices, _) = access {
                    index(indices, f);
                }
            }
            expr(value, f);
        }
        StatementKind::For { set, body, .. } => {
            expr(set, f);
            block(body, f);
        }
        StatementKind::While { condition, body } => {
            expr(condition, f);
            block(body, f);
        }
        StatementKind::Assert { condition, message } => {
            expr(condition, f);
            message.iter().for_each(|m| expr(m, f));
        }
        StatementKind::Expr(value) => expr(value, f),
    }
}

fn index(indices: &[Index], f: &mut dyn FnMut(Node) -> bool) {
    for index in indices {
        if let Index::Expr(e) = index {
            expr(e, f);
        }
    }
}

fn comprehension(c: &Comprehension, f: &mut dyn FnMut(Node) -> bool) {
    c.generators.iter().for_each(|(_, set)| expr(set, f));
    c.filter.iter().for_each(|e| expr(e, f));
    expr(&c.body, f);
}

pub fn expr(node: &Expr, f: &mut dyn FnMut(Node) -> bool) {
    if !f(Node::Expr(node)) {
        return;
    }
    match &*node.kind {
        ExprKind::Int(_) | ExprKind::Real(_) | ExprKind::Imaginary(_) | ExprKind::Name(_) => {}
        ExprKind::Str(parts) => {
            for part in parts {
                if let StringPart::Value { value, .. } = part {
                    expr(value, f);
                }
            }
        }
        ExprKind::If { condition, then, otherwise } => {
            expr(condition, f);
            block(then, f);
            otherwise.iter().for_each(|e| expr(e, f));
        }
        ExprKind::Block(b) => block(b, f),
        ExprKind::Record(fields) => fields.iter().for_each(|(_, e)| expr(e, f)),
        ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().for_each(|e| expr(e, f)),
        ExprKind::Comprehension(c) => comprehension(c, f),
        ExprKind::Call { function, arguments } => {
            expr(function, f);
            arguments.iter().for_each(|a| expr(&a.value, f));
        }
        ExprKind::Reduction { function, comprehension: c } => {
            expr(function, f);
            comprehension(c, f);
        }
        ExprKind::Index { value, indices } => {
            expr(value, f);
            index(indices, f);
        }
        ExprKind::Field { value, .. } | ExprKind::Transpose(value) | ExprKind::Unary { value, .. } | ExprKind::As { value, .. } => {
            expr(value, f)
        }
        ExprKind::Binary { left, right, .. } => {
            expr(left, f);
            expr(right, f);
        }
        ExprKind::Lambda { body, .. } => expr(body, f),
    }
}

/// The name of a called function, if it is called by name.
pub fn callee(node: &Expr) -> Option<(&Rc<str>, usize)> {
    let function = match &*node.kind {
        ExprKind::Call { function, .. } | ExprKind::Reduction { function, .. } => function,
        _ => return None,
    };
    match &*function.kind {
        ExprKind::Name(name) => Some((&name.text, node.span.start)),
        ExprKind::Field { name, .. } => Some((&name.text, node.span.start)),
        _ => None,
    }
}

/// Numbers the calls of each name, and the draws, in a body in the order of the text, by the place where each begins.
/// Functions and lambdas inside number their own.
pub fn ordinals(body: &Expr) -> HashMap<usize, u32> {
    let mut found = HashMap::new();
    let mut counts: HashMap<Rc<str>, u32> = HashMap::new();
    let mut first = true;
    expr(body, &mut |node| count_call(node, &mut found, &mut counts, &mut first));
    found
}

/// The same for a statement.
pub fn ordinals_of(node: &Statement) -> HashMap<usize, u32> {
    let mut found = HashMap::new();
    let mut counts: HashMap<Rc<str>, u32> = HashMap::new();
    statement(node, &mut |node| count_call(node, &mut found, &mut counts, &mut false));
    found
}

fn count_call(node: Node, found: &mut HashMap<usize, u32>, counts: &mut HashMap<Rc<str>, u32>, first: &mut bool) -> bool {
    let outermost = std::mem::replace(first, false);
    match node {
        Node::Expr(e) if !outermost && matches!(&*e.kind, ExprKind::Lambda { .. }) => false,
        Node::Statement(s) if matches!(s.kind, StatementKind::Function(_)) => false,
        Node::Statement(s) => {
            if let StatementKind::Let { draws: true, .. } | StatementKind::Assign { draws: true, .. } = s.kind {
                let count = counts.entry("~".into()).or_default();
                found.insert(s.span.start, *count);
                *count += 1;
            }
            true
        }
        Node::Expr(e) => {
            if let Some((name, start)) = callee(e) {
                let count = counts.entry(name.clone()).or_default();
                found.insert(start, *count);
                *count += 1;
            }
            true
        }
    }
}

/// Names that are assigned in a block, except those that it declares itself, in the order of their first assignment.
pub fn assigned(body: &Block) -> Vec<Rc<str>> {
    let mut names: Vec<Rc<str>> = vec![];
    assigned_into(body, &mut vec![], &mut names);
    names
}

/// The same for an expression (an `else if` chain, say).
pub fn assigned_in(node: &Expr) -> Vec<Rc<str>> {
    let mut names = vec![];
    assigned_expr(node, &mut vec![], &mut names);
    names
}

fn assigned_into(body: &Block, own: &mut Vec<Rc<str>>, names: &mut Vec<Rc<str>>) {
    let mark = own.len();
    for s in &body.statements {
        match &s.kind {
            StatementKind::Let { pattern, value, .. } => {
                assigned_expr(value, own, names);
                match pattern {
                    Pattern::Name(n) => own.push(n.text.clone()),
                    Pattern::Tuple(items, _) => own.extend(items.iter().map(|n| n.text.clone())),
                }
            }
            StatementKind::Assign { target, value, .. } => {
                assigned_expr(value, own, names);
                let name = &target.name.text;
                if !own.contains(name) && !names.contains(name) {
                    names.push(name.clone());
                }
            }
            StatementKind::For { body, .. } | StatementKind::While { body, .. } => assigned_into(body, own, names),
            StatementKind::Expr(e) => assigned_expr(e, own, names),
            _ => {}
        }
    }
    own.truncate(mark);
}

fn assigned_expr(node: &Expr, own: &mut Vec<Rc<str>>, names: &mut Vec<Rc<str>>) {
    match &*node.kind {
        ExprKind::If { then, otherwise, .. } => {
            assigned_into(then, own, names);
            otherwise.iter().for_each(|e| assigned_expr(e, own, names));
        }
        ExprKind::Block(b) => assigned_into(b, own, names),
        _ => {}
    }
}

/// Whether a statement prints, plots or saves: such statements are run by the script, not compiled into one program.
pub fn has_effects(node: &Statement) -> bool {
    let mut found = false;
    statement(node, &mut |n| {
        if let Node::Expr(e) = n
            && let ExprKind::Call { function, .. } = &*e.kind
            && let ExprKind::Name(name) = &*function.kind
            && super::script::EFFECTS.contains(&&*name.text)
        {
            found = true;
        }
        !found
    });
    found
}
