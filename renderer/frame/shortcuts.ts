import { desk } from '../state/desk.svelte.ts'
import { session } from '../state/session.svelte.ts'
import { cycleRegion, focusRegion } from './regions.ts'

/** Every shortcut of the window: what the help dialog lists and what the keys do. */
export interface Shortcut {
  keys: string
  does: string
  matches(e: KeyboardEvent): boolean
  run(e: KeyboardEvent): void
}

const plain = (e: KeyboardEvent) => !e.ctrlKey && !e.altKey && !e.metaKey

function terminalAt(offset: number): void {
  const ids = Object.keys(session.view?.terminals ?? {})
  if (!ids.length) return
  const at = Math.max(0, ids.indexOf(desk.terminal ?? ''))
  desk.terminal = ids[(at + offset + ids.length) % ids.length]!
}

export const shortcuts: Shortcut[] = [
  { keys: 'F6', does: 'Go to the next region: lab, topology, terminal, drawer. It also leaves the terminal', matches: (e) => e.key === 'F6' && !e.shiftKey && plain(e), run: () => cycleRegion(1) },
  { keys: 'Ctrl+Shift+F6 or Shift+F6', does: 'Go to the region before', matches: (e) => e.key === 'F6' && e.shiftKey && !e.altKey, run: () => cycleRegion(-1) },
  { keys: 'Ctrl+PageUp, Ctrl+PageDown', does: 'Terminal to the left or right', matches: (e) => e.ctrlKey && (e.key === 'PageUp' || e.key === 'PageDown'), run: (e) => terminalAt(e.key === 'PageUp' ? -1 : 1) },
  {
    keys: 'Alt+1 … Alt+9',
    does: 'Terminal by number',
    matches: (e) => e.altKey && !e.ctrlKey && /^Digit[1-9]$/.test(e.code),
    run: (e) => {
      const id = Object.keys(session.view?.terminals ?? {})[Number(e.code.slice(5)) - 1]
      if (id) desk.terminal = id
      focusRegion('terminals')
    },
  },
  { keys: 'Ctrl+Shift+L', does: 'Show or hide the lab panel', matches: (e) => e.ctrlKey && e.shiftKey && e.code === 'KeyL', run: () => desk.togglePanel() },
  { keys: 'Ctrl+Shift+J', does: 'Show or hide journeys', matches: (e) => e.ctrlKey && e.shiftKey && e.code === 'KeyJ', run: () => (desk.drawer = desk.drawer === 'journeys' ? null : 'journeys') },
  { keys: 'Ctrl+Shift+K', does: 'Break something on purpose, or mend it', matches: (e) => e.ctrlKey && e.shiftKey && e.code === 'KeyK', run: () => (desk.faults = !desk.faults) },
  { keys: 'F1', does: 'This list', matches: (e) => e.key === 'F1' && plain(e), run: () => (desk.help = true) },
]

/** Shortcuts that a part handles itself while it has the focus; listed for help only. */
export const localShortcuts: [keys: string, does: string][] = [
  ['Ctrl+Shift+C, Ctrl+Shift+V', 'In the terminal: copy, paste'],
  ['Tab, Ctrl+R', 'In the terminal: complete, search the history'],
  ['Arrow keys, Delete', "On a terminal's tab: choose another, close it"],
  ['Arrow keys, + − 0', 'In the topology: move, zoom in, zoom out, show everything'],
  ['Arrow keys, Enter', 'In the topology as a list: walk, inspect'],
  ['Arrow keys', 'On a divider: resize'],
  ['Space, ← →', 'In a journey: play or pause, hop back and forth'],
  ['Escape', 'Close the drawer or a dialog'],
]

/** True when the key was one of the window's own. */
export function handleShortcut(e: KeyboardEvent): boolean {
  if (e.type !== 'keydown') return false
  const shortcut = shortcuts.find((s) => s.matches(e))
  if (!shortcut) return false
  e.preventDefault()
  shortcut.run(e)
  return true
}
