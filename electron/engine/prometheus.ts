import { VERSION } from './kubernetes/version.ts'

/** What programs tell Prometheus of themselves: its text format 0.0.4, as client_golang writes it (prometheus/common, expfmt). */
export type Labels = Readonly<Record<string, string>>
export interface Sample {
  labels: Labels
  value: number
  /** ms since 1970, where the sample has a time of its own. */
  at?: number
}
export interface MetricFamily {
  name: string
  help: string
  type: 'counter' | 'gauge'
  samples: readonly Sample[]
}

/** By name, and within a family by labels; one without samples is not shown. */
export function exposition(families: readonly MetricFamily[]): string {
  let out = ''
  for (const { name, help, type, samples } of [...families].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (samples.length === 0) continue
    const lines = samples.map(({ labels, value, at }) => `${name}${labelText(labels)} ${sampleValue(value)}${at === undefined ? '' : ` ${at}`}\n`)
    out += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.sort().join('')}`
  }
  return out
}

/** Type, help text, and a histogram's bounds. */
export type Definition = readonly ['counter' | 'gauge' | 'histogram', string, (readonly number[])?]
interface Series { labels: Labels; value: number; sum: number; buckets: number[] }

/** What a program counts: one of client_golang's registries, with the families that it knows. A family shows itself once it has a series. */
export class Registry<Name extends string> {
  readonly #definitions: Readonly<Record<Name, Definition>>
  readonly #prefix: string
  readonly #common: Labels
  readonly #families = new Map<Name, Map<string, Series>>()

  /** `prefix` of every name, `common` to every series. */
  constructor(definitions: Readonly<Record<Name, Definition>>, prefix = '', common: Labels = {}) {
    this.#definitions = definitions
    this.#prefix = prefix
    this.#common = common
  }

  add(name: Name, labels: Labels, by = 1): void {
    this.#series(name, labels).value += by
  }

  set(name: Name, labels: Labels, value: number): void {
    this.#series(name, labels).value = value
  }

  observe(name: Name, labels: Labels, value: number, times = 1): void {
    const series = this.#series(name, labels)
    series.value += times
    series.sum += value * times
    for (const [i, bound] of this.#definitions[name][2]!.entries()) if (value <= bound) series.buckets[i] = (series.buckets[i] ?? 0) + times
  }

  clear(name: Name): void {
    this.#families.delete(name)
  }

  /** By name, and within a family by labels. */
  text(): string {
    let out = ''
    for (const [name, series] of [...this.#families].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const [type, help, bounds] = this.#definitions[name]
      const full = this.#prefix + name
      out += `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n`
      for (const [, { labels, value, sum, buckets }] of [...series].sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (!bounds) {
          out += `${full}${labelText(labels)} ${sampleValue(value)}\n`
          continue
        }
        for (const [i, bound] of bounds.entries()) out += `${full}_bucket${labelText({ ...labels, le: sampleValue(bound) })} ${buckets[i] ?? 0}\n`
        out += `${full}_bucket${labelText({ ...labels, le: '+Inf' })} ${value}\n${full}_sum${labelText(labels)} ${sampleValue(sum)}\n${full}_count${labelText(labels)} ${value}\n`
      }
    }
    return out
  }

  #series(name: Name, own: Labels): Series {
    let family = this.#families.get(name)
    if (!family) this.#families.set(name, (family = new Map()))
    const labels = { ...this.#common, ...own }
    const key = labelText(labels)
    let series = family.get(key)
    if (!series) family.set(key, (series = { labels, value: 0, sum: 0, buckets: [] }))
    return series
  }
}

/** Expositions as one: by the families' names. */
export function together(...expositions: readonly string[]): string {
  const families = expositions.flatMap((text) => text.split(/^(?=# HELP )/m)).filter((text) => text !== '')
  return families.map((text) => ({ name: text.split(' ', 3)[2]!, text })).sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ text }) => text).join('')
}

/** `{cidr="10.96.0.0/12"}`, by name; nothing without labels. A histogram's `le` comes last. */
export function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a === 'le' ? 1 : b === 'le' ? -1 : a < b ? -1 : 1))
  return pairs.length === 0 ? '' : `{${pairs.map(([name, value]) => `${name}="${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`).join(',')}}`
}

/** As Go's strconv.AppendFloat(…, 'g', -1, 64) writes it: "16000", "1e+06", "1.7592264021e+09", "2.5e-05". */
function sampleValue(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN'
  const size = Math.abs(value)
  return size >= 1e6 || (size !== 0 && size < 1e-4) ? value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2') : String(value)
}

/** The version of a component of Kubernetes (component-base/metrics/version). */
export function buildInfo(): MetricFamily {
  const { major, minor, gitVersion, gitCommit, buildDate, goVersion, platform } = VERSION
  return {
    name: 'kubernetes_build_info',
    help: "[ALPHA] A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.",
    type: 'gauge',
    samples: [{ labels: { build_date: buildDate, compiler: 'gc', git_commit: gitCommit, git_tree_state: 'clean', git_version: gitVersion, go_version: goVersion, major, minor, platform }, value: 1 }],
  }
}

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores'
