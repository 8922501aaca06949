// Extracts parts of a JSON text unchanged: parsing and printing would turn 1e400 into Infinity and change a number of
// 20 digits.

function endOfString(text: string, at: number): number {
  for (++at; at < text.length && text[at] !== '"'; ++at) if (text[at] === '\\') ++at;
  return at + 1;
}

/// The end of the value that begins at `at`.
function endOf(text: string, at: number): number {
  const first = text[at];
  if (first === '"') return endOfString(text, at);
  if (first !== '{' && first !== '[') {
    while (at < text.length && !/[\s,\]}]/.test(text[at]!)) ++at;
    return at;
  }
  for (let depth = 0; at < text.length;) {
    const letter = text[at]!;
    if (letter === '"') {
      at = endOfString(text, at);
      continue;
    }
    ++at;
    if (letter === '{' || letter === '[') ++depth;
    else if ((letter === '}' || letter === ']') && --depth === 0) break;
  }
  return at;
}

function behindSpace(text: string, at: number): number {
  while (at < text.length && /\s/.test(text[at]!)) ++at;
  return at;
}

/// The members of an object; empty for other values. @param text valid JSON
export function members(text: string): Map<string, string> {
  const found = new Map<string, string>();
  let at = behindSpace(text, 0);
  if (text[at] !== '{') return found;
  for (at = behindSpace(text, at + 1); text[at] === '"';) {
    const nameEnd = endOfString(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const begin = behindSpace(text, behindSpace(text, nameEnd) + 1);  // after the colon
    const end = endOf(text, begin);
    found.set(name, text.slice(begin, end));
    at = behindSpace(text, end);
    if (text[at] !== ',') break;
    at = behindSpace(text, at + 1);
  }
  return found;
}

/// The elements of an array; empty for other values. @param text valid JSON
export function elements(text: string): string[] {
  const found: string[] = [];
  let at = behindSpace(text, 0);
  if (text[at] !== '[') return found;
  for (at = behindSpace(text, at + 1); at < text.length && text[at] !== ']';) {
    const end = endOf(text, at);
    if (end === at) break;
    found.push(text.slice(at, end));
    at = behindSpace(text, end);
    if (text[at] === ',') at = behindSpace(text, at + 1);
  }
  return found;
}
