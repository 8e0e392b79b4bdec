// Collects what Podhop says is not simulated, from the sources that say it, into assets/not-simulated.md.
// `npm run docs` writes the page, `--print` shows it; tests/not-simulated.test.ts fails when it is stale.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = join(fileURLToPath(import.meta.url), '../..')
const PAGE = join(root, 'assets/not-simulated.md')

/** Headings of the page, by the folder of the source; the longest one that fits counts. */
const SECTIONS = [
  ['electron/shell/kubectl', 'kubectl'],
  ['electron/shell/language', 'The shell'],
  ['electron/shell/editor', 'The shell'],
  ['electron/shell/fullscreen', 'Editors'],
  ['electron/shell/coreutils', 'Files and text: coreutils, grep, sed, awk, jq and their like'],
  ['electron/shell/nettools', 'Network tools'],
  ['electron/shell/nodetools', 'Tools of nodes'],
  ['electron/shell/hop', 'hop'],
  ['electron/shell', 'Tools'],
  ['electron/engine/kubernetes', 'The Kubernetes API'],
  ['electron/engine/network', 'Rules: iptables, nftables, ipset, IPVS'],
  ['electron/engine/cni', 'Network plugins and their tools'],
  ['electron/engine/proxy', 'kube-proxy'],
  ['electron/engine/dns', 'DNS'],
  ['electron/engine/policy', 'Network policy'],
  ['electron/engine/cloud', 'Outside the cluster'],
  ['electron/engine/programs', 'Programs in images'],
  ['electron/engine', 'The cluster and its file'],
  ['electron/lab', 'Labs'],
  ['electron/host', 'The app'],
  ['electron/cli', 'The podhop command'],
]

/** What a source may say there: "…" stands for what is only known when it runs. */
function* texts(node) {
  if (!node) return
  if (ts.isStringLiteralLike(node)) yield node.text
  else if (ts.isTemplateExpression(node)) {
    let all = [node.head.text]
    for (const span of node.templateSpans) {
      const inner = ts.isConditionalExpression(span.expression) ? [...texts(span.expression.whenTrue), ...texts(span.expression.whenFalse)] : []
      const choices = inner.length > 0 && inner.length <= 4 ? inner : ['…']
      all = all.flatMap((text) => choices.map((choice) => text + choice + span.literal.text))
    }
    yield* all
  } else if (ts.isConditionalExpression(node)) {
    yield* texts(node.whenTrue)
    yield* texts(node.whenFalse)
  } else if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const left = [...texts(node.left)]
    const right = [...texts(node.right)]
    for (const l of left.length > 0 ? left : ['…']) for (const r of right.length > 0 ? right : ['…']) yield l + r
  } else if (ts.isParenthesizedExpression(node)) yield* texts(node.expression)
}

function clean(text) {
  return text.replace(/\n[\s\S]*$/, '').replace(/(…\s*)+/g, (run) => (run.endsWith(' ') ? '… ' : '…')).trim()
}

/** Only a frame around what others say. */
const empty = (text) => !/[A-Za-z]{2}/.test(text.replace(/…/g, '')) || text.length < 4

function* statements(file) {
  const text = readFileSync(file, 'utf8')
  if (!/not ?_?simulated|unsupported/i.test(text)) return
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const found = []
  const visit = (node) => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)) {
      for (const text of texts(node)) {
        const at = text.indexOf('not simulated: ')
        if (at >= 0) found.push(text.slice(at + 'not simulated: '.length))
      }
      if (ts.isTemplateExpression(node)) node.templateSpans.forEach((span) => visit(span.expression))
      return
    }
    if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && node.arguments?.length) {
      const name = ts.isPropertyAccessExpression(node.expression) ? node.expression.name.text : node.expression.getText(source)
      if (/notSimulated/i.test(name)) {
        const [what, instead] = node.arguments
        const help = instead ? [...texts(instead)][0] : undefined
        for (const text of texts(what)) found.push(help === undefined || text.includes(help) ? text : `${text} (${help})`)
      }
      if (name === 'tool' && ts.isStringLiteralLike(node.arguments[0]) && node.arguments[1] && ts.isObjectLiteralExpression(node.arguments[1])) {
        const unsupported = node.arguments[1].properties.find((p) => p.name?.getText(source) === 'unsupported')?.initializer
        if (unsupported && ts.isStringLiteralLike(unsupported)) for (const tool of node.arguments[0].text.split(' ')) found.push(`${tool} ${[...unsupported.text].map((l) => '-' + l).join(', ')}`)
      }
    }
    if (ts.isVariableDeclaration(node) && node.name.getText(source) === 'NOT_SIMULATED' && node.initializer) {
      const words = []
      const collect = (n) => {
        if (ts.isArrayLiteralExpression(n) && n.elements.every((e) => ts.isStringLiteralLike(e)) && n !== node.initializer) {
          const [short, long, instead] = n.elements.map((e) => e.text)
          if (n.elements.length === 2) words.push(`${short} (${long})`)
          else words.push(`${long ? `--${long}` : short ? `-${short}` : ''}${instead ? ` (${instead})` : ''}`)
        } else if (ts.isStringLiteralLike(n)) words.push(n.text)
        else if (ts.isCallExpression(n)) words.push(...n.arguments.slice(0, 1).flatMap((a) => [...texts(a)]))
        else if (ts.isPropertyAssignment(n) && n.name.getText(source) === 'kind') words.push(...texts(n.initializer))
        else if (!ts.isPropertyAssignment(n)) ts.forEachChild(n, collect)
      }
      collect(node.initializer)
      const title = file.endsWith('discovery.ts') ? 'the kind' : file.endsWith('builtins/misc.ts') ? 'the builtin' : file.endsWith('coreutils/missing.ts') ? 'the tool' : file.split('/').slice(-1)[0] === 'options.ts' ? file.split('/').slice(-2)[0] : file.split('/').slice(-1)[0].replace('.ts', '').replace(/-/g, ' ')
      for (const word of words) found.push(`${title} ${word}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  for (const text of found) {
    const line = clean(text)
    if (!empty(line)) yield line
  }
}

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* sources(path)
    else if (/\.ts$/.test(entry.name) && !/\.(test|samples|d)\.ts$/.test(entry.name)) yield path
  }
}

/** The page as it should be. */
function page() {
  const sections = new Map(SECTIONS.map(([, title]) => [title, new Set()]))
  for (const file of sources(join(root, 'electron'))) {
    const path = relative(root, file).replaceAll('\\', '/')
    const section = SECTIONS.filter(([folder]) => path.startsWith(folder + '/')).sort((a, b) => b[0].length - a[0].length)[0]
    if (section) for (const line of statements(file)) sections.get(section[1]).add(line)
  }
  const out = ['# What is not simulated', '', 'Podhop never fakes an answer: what it cannot do says `podhop: not simulated: …` and exits with 69. This page lists all that can be said so, with what to use instead in brackets; "…" stands for the name at hand. It is generated from the sources (`npm run docs`).', '']
  for (const [title, lines] of sections) {
    if (lines.size === 0) continue
    out.push(`## ${title}`, '', ...[...lines].sort((a, b) => (a < b ? -1 : 1)).map((line) => `- ${line.replace(/([*_<>|\\])/g, '\\$1')}`), '')
  }
  return out.join('\n')
}

if (process.argv.includes('--print')) process.stdout.write(page())
else writeFileSync(PAGE, page())
