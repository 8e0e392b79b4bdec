/** github.com/mitchellh/go-wordwrap: breaks lines between words so that they have at most `limit` characters; longer words stay whole. */
export function wordWrap(text: string, limit: number): string {
  let out = ''
  let current = 0
  let word = ''
  let space = ''
  for (const char of text) {
    if (char === '\n') {
      if (word === '') {
        if (current + space.length <= limit) out += space
      } else out += space + word
      word = space = ''
      out += '\n'
      current = 0
    } else if (/\s/u.test(char) && char !== '\u00a0') {
      if (space === '' || word !== '') {
        current += length(space) + length(word)
        out += space + word
        word = space = ''
      }
      space += char
    } else {
      word += char
      if (current + length(word) + length(space) > limit && length(word) < limit) {
        out += '\n'
        current = 0
        space = ''
      }
    }
  }
  if (word !== '') return out + space + word
  return current + length(space) <= limit ? out + space : out
}

function length(text: string): number {
  return [...text].length
}

/** strings.Repeat before every line, also before an empty one. */
export function indent(text: string, amount: number): string {
  const pad = ' '.repeat(amount)
  return pad + text.replaceAll('\n', `\n${pad}`)
}
