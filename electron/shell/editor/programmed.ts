import type { Task } from '../../engine/machine/task.ts'
import type { CompletionSpec } from '../language/completion-spec.ts'
import { generated } from '../language/builtins/completion.ts'
import { quoteForShell } from '../language/quote.ts'
import type { Shell } from '../language/shell.ts'
import type { Completion } from './candidates.ts'
import { candidate, complete, fileNames, wordsOf } from './completion.ts'

/** What Tab offers: by what `complete` said of the command, where it said something; else what is built in. */
export function* programmed(shell: Shell, text: string): Task<Completion> {
  const { words, start: wordStart, quote, afterRedirect, commandStart } = wordsOf(text)
  while (words.length > 1 && /^[A-Za-z_]\w*=/.test(words[0]!)) words.shift()
  const spec = shell.completions.get(words[0]!) ?? shell.completions.get(words[0]!.split('/').at(-1)!)
  if (!spec || words.length < 2 || afterRedirect || /\$\{?\w*$/.test(words.at(-1)!)) return complete(shell, text)
  // the functions that kubectl, helm and other cobra programs bring: their completion is built in
  const builtIn = /^__start_(\w+)$/.exec(spec.function ?? '')?.[1]
  if (builtIn !== undefined && !shell.functions.has(spec.function!)) return complete(shell, text, builtIn)
  // what stands before "=" or ":" is another word (COMP_WORDBREAKS)
  const typed = [...text].slice(wordStart).join('')
  const broken = quote === '' && typed === words.at(-1) ? words.flatMap((w) => w.match(/[=:]+|[^=:]+/g) ?? [w]) : [...words]
  if (/^[=:]+$/.test(broken.at(-1)!)) broken.push('')
  const word = broken.at(-1)!
  const start = typed === words.at(-1) ? wordStart + [...typed].length - [...word].length : wordStart
  const line = [...text].slice(commandStart).join('').replace(/^\s*(?:[A-Za-z_]\w*=\S*\s+)*/, '')
  const asked: CompletionSpec = { ...spec, options: new Set(spec.options) }
  const given = yield* generated(shell, asked, word)
  const found = [...(typeof given === 'string' ? [] : given), ...(asked.function === undefined ? [] : yield* called(shell, asked, broken, line))]
  const files = asked.options.has('plusdirs') || (found.length === 0 && ['default', 'bashdefault', 'dirnames'].some((o) => asked.options.has(o)))
  const paths = files ? fileNames(shell.process, word).filter((n) => n.endsWith('/') || !(asked.options.has('dirnames') || asked.options.has('plusdirs')) || asked.options.has('default')) : []
  const asPath = asked.options.has('filenames') || asked.actions.includes('file') || asked.actions.includes('directory')
  const candidates = [...new Set(found)].map((name) => {
    const made = asked.options.has('noquote') ? { insert: name, display: name } : candidate(name, quote, asPath)
    return { ...made, open: asked.options.has('nospace') || (asPath && /\/$/.test(name)) }
  })
  return { candidates: [...candidates, ...paths.map((name) => candidate(name, quote, true))], start, quote }
}

/** -F: the function fills COMPREPLY. */
function* called(shell: Shell, spec: CompletionSpec, words: readonly string[], line: string): Task<string[]> {
  if (!shell.functions.has(spec.function!)) return []
  const { status } = shell
  shell.completing = spec
  try {
    const quoted = words.map(quoteForShell)
    yield* shell.executor.source(`COMP_WORDS=(${quoted.join(' ')}); COMP_CWORD=${words.length - 1}; COMP_LINE=${quoteForShell(line)}; COMP_POINT=${[...line].length}; COMP_TYPE=9; COMP_KEY=9; COMPREPLY=(); ${spec.function} ${quoted[0]} ${quoted.at(-1)} ${quoted.at(-2)}`)
    const reply = shell.variables.find('COMPREPLY')
    return reply?.array ? [...reply.array.values()] : reply?.value ? [reply.value] : []
  } finally {
    shell.completing = undefined
    shell.status = status
    yield* shell.executor.source('unset COMP_WORDS COMP_CWORD COMP_LINE COMP_POINT COMP_TYPE COMP_KEY COMPREPLY')
    shell.status = status
  }
}
