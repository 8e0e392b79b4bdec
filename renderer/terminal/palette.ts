import type { ITheme } from '@xterm/xterm'
import { token } from '../state/theme.svelte.ts'

const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const
const capital = (s: string) => s[0]!.toUpperCase() + s.slice(1)

/** xterm's palette out of the design tokens. */
export function terminalPalette(): ITheme {
  const ansi = Object.fromEntries(COLOURS.flatMap((c) => [[c, token(`term-${c}`)], [`bright${capital(c)}`, token(`term-bright-${c}`)]]))
  return {
    ...ansi,
    background: token('term-ground'),
    foreground: token('term-text'),
    cursor: token('accent'),
    cursorAccent: token('term-ground'),
    selectionBackground: token('term-selection'),
  }
}
