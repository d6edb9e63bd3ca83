//! What other systems wrote, in Byline's own terms: reads WordPress and Ghost exports and turns their content into clean
//! HTML. No SQL, no HTTP; what is not carried is named.

pub mod content;
pub mod ghost;
pub mod ids;
pub mod model;
pub mod report;
mod text;
pub mod wordpress;
