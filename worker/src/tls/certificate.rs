//! The few things of a certificate that rustls does not tell: from when to when it is valid, and what for
//! (RFC 5280 §4.1). Total: any bytes give something or nothing.

/// What a certificate says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claims<'a> {
    /// Who made it: a name in DER, its own head included.
    pub(super) issuer: &'a [u8],
    /// Seconds since 1970.
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    for_servers: bool,
    for_clients: bool,
}

/// Whose certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Server,
    Client,
}

const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 0x06;
const OCTETS: u8 = 0x04;
const BOOLEAN: u8 = 0x01;
const UTC_TIME: u8 = 0x17;
const TIME: u8 = 0x18;
const EXPLICIT_0: u8 = 0xA0;
const EXPLICIT_3: u8 = 0xA3;
/// id-ce-extKeyUsage, anyExtendedKeyUsage, id-kp-serverAuth, id-kp-clientAuth.
const EXTENDED_USE: &[u8] = &[0x55, 0x1D, 0x25];
const ANY_USE: &[u8] = &[0x55, 0x1D, 0x25, 0x00];
const SERVERS: &[u8] = &[0x2B, 6, 1, 5, 5, 7, 3, 1];
const CLIENTS: &[u8] = &[0x2B, 6, 1, 5, 5, 7, 3, 2];

impl<'a> Claims<'a> {
    /// Out of DER.
    pub(super) fn of(certificate: &'a [u8]) -> Option<Self> {
        let mut outer = Der(Der(certificate).expect(SEQUENCE)?);
        let mut body = Der(outer.expect(SEQUENCE)?);
        if body.peek() == Some(EXPLICIT_0) {
            body.next()?; // version
        }
        for _ in ["serial number", "algorithm"] {
            body.next()?;
        }
        let before = body.0;
        body.expect(SEQUENCE)?;
        let issuer = before.get(..before.len() - body.0.len())?;
        let mut validity = Der(body.expect(SEQUENCE)?);
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        let (for_servers, for_clients) = (true, true);
        let mut claims = Self { issuer, not_before, not_after, for_servers, for_clients };
        while let Some((tag, content)) = body.next() {
            if tag == EXPLICIT_3 {
                claims.read_extensions(Der(Der(content).expect(SEQUENCE)?))?;
            }
        }
        Some(claims)
    }

    fn read_extensions(&mut self, mut all: Der<'a>) -> Option<()> {
        while !all.0.is_empty() {
            let mut one = Der(all.expect(SEQUENCE)?);
            if one.expect(OBJECT)? != EXTENDED_USE {
                continue;
            }
            if one.peek() == Some(BOOLEAN) {
                one.next()?; // critical
            }
            let mut uses = Der(Der(one.expect(OCTETS)?).expect(SEQUENCE)?);
            (self.for_servers, self.for_clients) = (false, false);
            while !uses.0.is_empty() {
                let purpose = uses.expect(OBJECT)?;
                self.for_servers |= purpose == SERVERS || purpose == ANY_USE;
                self.for_clients |= purpose == CLIENTS || purpose == ANY_USE;
            }
        }
        Some(())
    }

    /// Whether it may be shown by such a holder.
    pub(super) const fn is_for(&self, holder: Holder) -> bool {
        match holder {
            Holder::Server => self.for_servers,
            Holder::Client => self.for_clients,
        }
    }
}

/// What is left of something in DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7F => (usize::from(*first), rest),
            // No certificate is longer than two or three bytes of length can say.
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
                let length = bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, rest)
            },
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }

    fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
    }

    /// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, as RFC 5280 §4.1.2.5 has them.
    fn time(&mut self) -> Option<i64> {
        let (tag, text) = self.next()?;
        let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
        let year_digits = match tag {
            UTC_TIME => 2,
            TIME => 4,
            _ => return None,
        };
        let (year, rest) = text.split_at_checked(year_digits)?;
        let mut pairs = rest.as_bytes().chunks(2).map(number);
        let mut pair = || pairs.next().flatten();
        let (month, day, hour, minute, second) = (pair()?, pair()?, pair()?, pair()?, pair()?);
        let year = match number(year.as_bytes())? {
            year @ 0..50 if tag == UTC_TIME => year + 2000,
            year if tag == UTC_TIME => year + 1900,
            year => year,
        };
        let is_time = (1..=12).contains(&month) && (1..=31).contains(&day) && rest.len() == 10;
        is_time.then(|| days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |sum, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(sum * 10 + i64::from(digit))
    })
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is a year's last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
