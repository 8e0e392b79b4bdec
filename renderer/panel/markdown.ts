import DOMPurify from 'dompurify'
import { Marked, type Token, type Tokens } from 'marked'

/**
 * Lab texts and explanations are untrusted (packs): raw HTML is shown as text, nothing is fetched and nothing
 * navigates; what remains passes an allowlist.
 */
const escape = (text: string) => text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!)

const marked = new Marked({
  gfm: true,
  async: false,
  renderer: {
    html: ({ text }) => escape(text),
    image: ({ text }) => (text ? `<em>[picture: ${escape(text)}]</em>` : ''),
    link({ href, tokens }) {
      const text = this.parser.parseInline(tokens)
      return href.startsWith('#') || text === escape(href) ? text : `${text} (<code>${escape(href)}</code>)`
    },
  },
})

const TAGS = ['p', 'br', 'hr', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'ol', 'li', 'strong', 'em', 'del', 'code', 'pre', 'blockquote', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'input']

/** Its highest headings get the level `heading`, which is one below what they stand under: whoever reads by headings misses none. */
export function renderMarkdown(text: string, heading = 3): string {
  const tokens = marked.lexer(text)
  const headings = tokens.filter((t: Token): t is Tokens.Heading => t.type === 'heading')
  const highest = Math.min(...headings.map((h) => h.depth))
  for (const h of headings) h.depth = Math.min(6, h.depth - highest + heading)
  return DOMPurify.sanitize(marked.parser(tokens), {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ['class', 'start', 'align', 'type', 'checked', 'disabled'],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  })
}
