#![allow(dead_code)]
mod arguments;
mod axis;
mod colour;
mod columns;
mod npy;
mod plot;
mod png;
mod report;
mod store;
fn main(){ report::out(""); report::note(""); report::refuse(""); report::mistakes(&[]);report::colours_out(); arguments::parse(&[]).ok(); arguments::known_params(&[], "",&[]).ok(); }
