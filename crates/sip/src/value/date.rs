use bytes::{BufMut, BytesMut};

use super::HeaderValue;
use crate::Text;
use crate::grammar::{Malformed, number, trim};

/// A point in time (RFC 3261 section 20.17): seconds since the first of January 1970.
///
/// `SIP-date = wkday "," SP 2DIGIT SP month SP 4DIGIT SP 2DIGIT ":" 2DIGIT ":" 2DIGIT SP "GMT"`. The day must exist and
/// have the name that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    seconds: u64,
}

impl Date {
    /// So many seconds since the first of January 1970, at the latest the end of the year 9999.
    pub fn from_unix(seconds: u64) -> Date {
        Date { seconds: seconds.min(LAST) }
    }

    /// Seconds since the first of January 1970.
    pub fn unix(self) -> u64 {
        self.seconds
    }

    /// The one rule that holds also where the time itself does not matter: the zone is GMT and nothing else.
    pub(crate) fn check_zone(value: &Text) -> Result<(), Malformed> {
        match trim(value.as_str()).ends_with("GMT") {
            true => Ok(()),
            false => Err(Malformed("Date is not in GMT")),
        }
    }
}

impl HeaderValue for Date {
    fn read(value: &Text) -> Result<Date, Malformed> {
        Date::check_zone(value)?;
        let mut words = trim(value.as_str()).split(' ');
        let mut word = || words.next().ok_or(MALFORMED);
        let (name, day, month, year, time, zone) = (word()?, word()?, word()?, word()?, word()?, word()?);
        if zone != "GMT" || words.next().is_some() {
            return Err(MALFORMED);
        }
        let month = MONTHS.iter().zip(1_u64..).find(|(name, _)| **name == month).ok_or(MALFORMED)?.1;
        let (year, day) = (digits(year, 4)?, digits(day, 2)?);
        let mut parts = time.split(':');
        let mut part = |limit| match digits(parts.next().unwrap_or_default(), 2)? {
            part if part <= limit => Ok(part),
            _ => Err(MALFORMED),
        };
        let (hour, minute, second) = (part(23)?, part(59)?, part(59)?);
        if parts.next().is_some() || day == 0 || day > days_of(year, month) {
            return Err(MALFORMED);
        }
        let days = days_before(year, month, day).ok_or(Malformed("Date lies before 1970"))?;
        if name.strip_suffix(',') != Some(weekday(days)) {
            return Err(Malformed("the day of a Date has another name"));
        }
        Ok(Date { seconds: days * DAY + hour * 3_600 + minute * 60 + second })
    }

    fn write_to(&self, out: &mut BytesMut) {
        let (mut days, rest) = (self.seconds / DAY, self.seconds % DAY);
        let name = weekday(days);
        // 400 years have 146,097 days; counted from the first of March 0000, a leap day ends its year.
        days += FROM_MARCH_0;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        let month = MONTHS.iter().zip(1_u64..).find(|(_, at)| *at == month).map_or("", |(name, _)| name);
        let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
        let date = format!("{name}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT");
        out.put_slice(date.as_bytes());
    }
}

fn digits(text: &str, length: usize) -> Result<u64, Malformed> {
    number(text, 9_999).filter(|_| text.len() == length).ok_or(MALFORMED)
}

/// Days from the first of January 1970 to this one.
fn days_before(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, from_march) = if month <= 2 { (year.checked_sub(1)?, month + 9) } else { (year, month - 3) };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(FROM_MARCH_0)
}

fn days_of(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The first of January 1970 was a Thursday.
fn weekday(days: u64) -> &'static str {
    match days % 7 {
        0 => "Thu",
        1 => "Fri",
        2 => "Sat",
        3 => "Sun",
        4 => "Mon",
        5 => "Tue",
        _ => "Wed",
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const DAY: u64 = 86_400;

/// Days from the first of March 0000 to the first of January 1970.
const FROM_MARCH_0: u64 = 719_468;

/// The last second that four digits of a year can tell.
const LAST: u64 = 253_402_300_799;

const MALFORMED: Malformed = Malformed("Date is not a date of RFC 1123");

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn dates_of_the_rfcs_are_read_and_written() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sat, 13 Nov 2010 23:29:00 GMT", 1_289_690_940),
            ("Thu, 21 Feb 2002 13:02:03 GMT", 1_014_296_523),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800),
            ("Fri, 31 Dec 9999 23:59:59 GMT", LAST),
        ] {
            assert_eq!(written::<Date>(text), text);
            assert_eq!(Date::parse(text).unwrap().unix(), seconds);
        }
        assert_eq!(Date::from_unix(u64::MAX), Date::from_unix(LAST));
    }

    #[test]
    fn every_day_of_four_centuries_is_read_back() {
        for day in 0..146_097 * 2 {
            let date = Date::from_unix(day * DAY + 1);
            assert_eq!(Date::read(&date.to_text()), Ok(date));
        }
    }

    #[test]
    fn dates_that_are_none_are_refused() {
        for text in [
            "",
            "Fri, 01 Jan 2010 16:00:00 EST",
            "Fri, 01 Jan 2010 16:00:00 gmt",
            "Thu, 01 Jan 2010 16:00:00 GMT",
            "Fri, 1 Jan 2010 16:00:00 GMT",
            "Fri, 01 Jan 10 16:00:00 GMT",
            "Mon, 29 Feb 2010 16:00:00 GMT",
            "Mon, 29 Feb 2100 16:00:00 GMT",
            "Sat, 00 Jan 2010 16:00:00 GMT",
            "Sat, 31 Apr 2010 16:00:00 GMT",
            "Fri, 01 Jan 2010 24:00:00 GMT",
            "Fri, 01 Jan 2010 16:60:00 GMT",
            "Fri, 01 Jan 2010 16:00:60 GMT",
            "Fri, 01 Jan 2010 16:00 GMT",
            "Fri, 01 Jan 2010 16:00:00:00 GMT",
            "Fri, 01 Jan 2010 16:00:00 GMT x",
            "Fri, 01  Jan 2010 16:00:00 GMT",
            "Fri 01 Jan 2010 16:00:00 GMT",
            "Friday, 01-Jan-10 16:00:00 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Sat, 01 Jan 0000 00:00:00 GMT",
        ] {
            assert!(Date::parse(text).is_err(), "{text}");
        }
    }
}
