import { preferences } from './preferences.svelte.ts'

const systemIsLight = matchMedia('(prefers-color-scheme: light)')
const systemIsStill = matchMedia('(prefers-reduced-motion: reduce)')

/** What the system wants and what the person chose, resolved. */
class Theme {
  #system: 'dark' | 'light' = $state(systemIsLight.matches ? 'light' : 'dark')
  reducedMotion = $state(systemIsStill.matches)
  readonly name = $derived(preferences.theme === 'system' ? this.#system : preferences.theme)

  constructor() {
    systemIsLight.addEventListener('change', (e) => (this.#system = e.matches ? 'light' : 'dark'))
    systemIsStill.addEventListener('change', (e) => (this.reducedMotion = e.matches))
  }

  /** Sets it on the document; call inside an effect. */
  show(): void {
    document.documentElement.dataset.theme = this.name
  }
}

export const theme = new Theme()

/** Reads design tokens for what CSS cannot reach: the canvas and the terminal. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

/** A duration token in ms; a build may write 250ms as .25s. */
export function duration(name: 'quick' | 'slow' | 'hop'): number {
  const text = token(name)
  const number = Number.parseFloat(text) || 0
  return text.endsWith('ms') ? number : number * 1000
}
