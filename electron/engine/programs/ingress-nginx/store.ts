import { keyOf } from '../../kubernetes/controllers/informer.ts'
import type { Ingress, IngressClass } from '../../kubernetes/types.ts'
import { readAnnotations } from './annotations.ts'

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class'

/** What a store of Ingresses needs of its controller. */
export interface StoreSurroundings {
  flags: ReadonlyMap<string, string>
  ingressClass(name: string): IngressClass | undefined
  /** Of the controller's ConfigMap. */
  defaults(): Readonly<Record<string, string>>
  log(source: string, text: string, severity?: 'I' | 'W' | 'E' | 'F'): void
  /** One of them is new, has changed, or is gone; undefined. */
  changed(ingress: Ingress | undefined): void
  /** One has come in whose status is still to be written. */
  arrived(): void
}

/** The Ingresses that are the controller's (internal/ingress/controller/store): by their classes, as objects come and go. */
export class IngressStore {
  readonly mine = new Map<string, Ingress>()
  readonly #around: StoreSurroundings

  constructor(around: StoreSurroundings) {
    this.#around = around
  }

  /** The class by which an Ingress is ours, or why it is not. */
  classOf({ metadata, spec }: Ingress): { name: string } | { error: string } {
    const { flags, ingressClass } = this.#around
    const only = flags.get('watch-namespace') ?? ''
    if (only !== '' && metadata.namespace !== only) return { error: '' }
    if (spec.ingressClassName !== undefined) {
      const found = ingressClass(spec.ingressClassName)
      if (found?.spec.controller === (flags.get('controller-class') ?? 'k8s.io/ingress-nginx')) return { name: spec.ingressClassName }
      return { error: `no object matching key "${spec.ingressClassName}" in local store` }
    }
    const annotation = metadata.annotations?.[CLASS_ANNOTATION]
    if (annotation !== undefined) {
      return annotation === (flags.get('ingress-class') ?? 'nginx') ? { name: annotation } : { error: 'ingress class annotation is not equal to the expected by Ingress Controller' }
    }
    return flags.get('watch-ingress-without-class') === 'true' ? { name: '_' } : { error: 'ingress does not contain a valid IngressClass' }
  }

  added(ingress: Ingress): void {
    const found = this.classOf(ingress)
    const { defaults, log, arrived } = this.#around
    // an Ingress of another namespace is not even seen
    if ('error' in found && found.error === '') return
    if ('error' in found) return log('store.go:436', `"Ignoring ingress because of error while validating ingress class" ingress="${keyOf(ingress)}" error="${found.error.replaceAll('"', '\\"')}"`)
    log('store.go:440', `"Found valid IngressClass" ingress="${keyOf(ingress)}" ingressclass="${found.name}"`)
    if (this.#isIgnored(ingress)) return log('store.go:449', `"Ignoring add for catch-all ingress because of --disable-catch-all" ingress="${keyOf(ingress)}"`)
    const parsed = readAnnotations(ingress, defaults())
    if ('refused' in parsed) {
      for (const { source, text, severity } of parsed.notes) log(source, text, severity)
      log('store.go:938', parsed.refused, 'E')
    }
    this.#accept(ingress)
    arrived()
  }

  updated(ingress: Ingress, old: Ingress): void {
    const found = this.classOf(ingress)
    const { log, arrived } = this.#around
    const known = this.mine.has(keyOf(old))
    if ('error' in found) {
      if (!known) return
      log('store.go:489', `"removing ingress because of unknown ingressclass" ingress="${keyOf(ingress)}"`)
      return this.deleted(old)
    }
    if (this.#isIgnored(ingress)) {
      if (known) this.deleted(old)
      return log(known ? 'store.go:494' : 'store.go:482', `"ignoring update for catch-all ingress ${known ? 'and delete old one ' : ''}because of --disable-catch-all" ingress="${keyOf(ingress)}"`)
    }
    if (!known) {
      log('store.go:486', `"creating ingress" ingress="${keyOf(ingress)}" ingressclass="${found.name}"`)
      arrived()
    }
    this.#accept(ingress)
  }

  deleted(ingress: Ingress): void {
    if (this.mine.delete(keyOf(ingress))) this.#around.changed(undefined)
  }

  #isIgnored({ spec }: Ingress): boolean {
    return spec.defaultBackend !== undefined && this.#around.flags.get('disable-catch-all') === 'true'
  }

  #accept(ingress: Ingress): void {
    this.mine.set(keyOf(ingress), ingress)
    this.#around.changed(ingress)
  }
}
