//! The families of phones that advice is written for.

/// Phones whose menus and parameters have the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Zultys ZIP 4x and Z 2x, configured by device profiles of the MX.
    Zultys,
    /// Polycom and Poly with UC Software parameters.
    Polycom,
    /// Yealink, and phones that take Yealink's `key = value` files.
    Yealink,
    /// Softphones: baresip and Linphone.
    Softphone,
    /// Any other phone.
    Generic,
}

impl Family {
    /// Every family, in the order advice is printed.
    pub const ALL: [Family; 5] =
        [Family::Zultys, Family::Polycom, Family::Yealink, Family::Softphone, Family::Generic];

    /// The name printed before the advice.
    pub fn name(self) -> &'static str {
        match self {
            Family::Zultys => "Zultys ZIP 4x, Z 2x",
            Family::Polycom => "Polycom, Poly",
            Family::Yealink => "Yealink type",
            Family::Softphone => "baresip, Linphone",
            Family::Generic => "any other phone",
        }
    }
}
