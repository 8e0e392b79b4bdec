/** The window's regions, in reading order; F6 goes round them. */
const SELECTOR = '[data-region]:not([hidden])'

export function focusRegion(name: string): boolean {
  const region = document.querySelector<HTMLElement>(`[data-region="${name}"]`)
  if (!region) return false
  const inside = region.querySelector<HTMLElement>('[data-region-focus]:not([hidden] *), .terminal.active textarea')
  ;(inside ?? region).focus()
  return true
}

export function cycleRegion(step: 1 | -1): void {
  const regions = [...document.querySelectorAll<HTMLElement>(SELECTOR)]
  if (!regions.length) return
  const at = regions.findIndex((r) => r.contains(document.activeElement))
  const next = at < 0 ? 0 : (at + step + regions.length) % regions.length
  focusRegion(regions[next]!.dataset.region!)
}
