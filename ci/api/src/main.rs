//! Prints the public items in the JSON file that rustdoc wrote.

use std::env;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let json = env::args_os().nth(1).ok_or("usage: api JSON")?;
    let items = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).omit_auto_trait_impls(true);
    print!("{}", items.build()?);
    Ok(())
}
