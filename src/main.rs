mod arguments;
mod report;
fn main(){ report::out(""); report::note(""); report::refuse(""); report::mistakes(&[]);report::colours_out(); arguments::parse(&[]).ok(); arguments::known_params(&[], "",&[]).ok(); }
