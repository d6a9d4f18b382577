//! Passes over a value that nobody needs: it must be well-formed, and nothing is kept of it.

use super::scan::{
    AFTER_ELEMENT, AFTER_KEY, AFTER_PAIR, DEPTH_MAX, KEY, Read, Source, TOO_DEEP, VALUE,
};

/// What is open: whether it is an object.
pub(super) type Open = Vec<bool>;

/// The end of the value at `position`. `depth` counts what is open around it; `open` is emptied.
pub(super) fn skip(
    source: Source<'_>,
    mut position: usize,
    depth: usize,
    open: &mut Open,
) -> Read<usize> {
    open.clear();
    loop {
        position = match source.at(position) {
            b'"' => source.skip_text(position + 1)? + 1,
            b'-' | b'0'..=b'9' => source.number(position)?,
            b't' | b'f' | b'n' => source.literal(position)?,
            bracket @ (b'{' | b'[') => {
                if depth + open.len() >= DEPTH_MAX {
                    return Err(source.wrong(position, TOO_DEEP));
                }
                open.push(bracket == b'{');
                let inside = source.blanks(position + 1);
                match (bracket, source.at(inside)) {
                    (b'{', b'}') | (b'[', b']') => {
                        open.pop();
                        inside + 1
                    },
                    (b'{', _) => {
                        position = skip_key(source, inside)?;
                        continue;
                    },
                    _ => {
                        position = inside;
                        continue;
                    },
                }
            },
            _ => return Err(source.wrong(position, VALUE)),
        };
        // A value ended: close what ends with it, go on to the next.
        loop {
            let Some(&object) = open.last() else { return Ok(position) };
            position = source.blanks(position);
            match source.at(position) {
                b',' if object => {
                    position = skip_key(source, source.blanks(position + 1))?;
                    break;
                },
                b',' => {
                    position = source.blanks(position + 1);
                    break;
                },
                b'}' if object => position += 1,
                b']' if !object => position += 1,
                _ if object => return Err(source.wrong(position, AFTER_PAIR)),
                _ => return Err(source.wrong(position, AFTER_ELEMENT)),
            }
            open.pop();
        }
    }
}

/// From a key to its value.
fn skip_key(source: Source<'_>, position: usize) -> Read<usize> {
    if source.at(position) != b'"' {
        return Err(source.wrong(position, KEY));
    }
    let colon = source.blanks(source.skip_text(position + 1)? + 1);
    if source.at(colon) != b':' {
        return Err(source.wrong(colon, AFTER_KEY));
    }
    Ok(source.blanks(colon + 1))
}
