//! `cordon explain CODE`: a refusal told to the person who has to cure it.

use std::process::ExitCode;

use cordon_policy::controls::{self, Class, Control};
use cordon_policy::explain::{explain as explanation, overview};
use cordon_policy::{Door, Refusal};

/// Prints the explanation of a refusal, of a control, or the list of all codes.
pub(crate) fn explain(code: Option<&str>) -> ExitCode {
    let Some(code) = code else {
        anstream::print!("{}", overview());
        return ExitCode::SUCCESS;
    };
    if let Some(refusal) = Refusal::from_code(code) {
        anstream::print!("{}", explanation(refusal, &DOOR));
        return ExitCode::SUCCESS;
    }
    if let Some(control) = controls::find(code) {
        anstream::print!("{}", told(control));
        return ExitCode::SUCCESS;
    }
    anstream::eprintln!("no refusal or control is called {code}; `cordon explain` lists the codes");
    ExitCode::FAILURE
}

/// A control, and the refusals that serve it.
fn told(control: Control) -> String {
    let class = match control.class {
        Class::Enforced => "what breaks it is refused",
        Class::Configured => "a setting decides it, and the setting is checked",
        Class::Verified => "looked at from outside",
        Class::Attested => "stated by a person",
    };
    let mut text = format!("{}  {}\n\nHow it is met: {class}\n", control.id, control.title);
    let mut cites = Refusal::ALL.iter().filter(|refusal| refusal.controls().contains(&control.id)).peekable();
    if cites.peek().is_some() {
        text.push_str("\nRefusals that serve it\n");
    }
    for refusal in cites {
        text.push_str(&format!("  {:<16} {}\n", refusal.code(), refusal.title()));
    }
    text
}

/// What stands for the name and port of the site, which an explanation does not know.
const DOOR: Door<'static> = Door { host: "HOST", port: 5061 };
