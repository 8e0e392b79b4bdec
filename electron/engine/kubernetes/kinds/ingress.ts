import { deepEqual } from '../json.ts'
import type { Ingress, IngressClass } from '../types.ts'
import { validateIngress, validateIngressClass, validateIngressClassUpdate, validateIngressStatusUpdate, validateIngressUpdate } from '../validation/ingress.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Context, type Kind } from './kind.ts'

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class'
const DEFAULT_CLASS = 'ingressclass.kubernetes.io/is-default-class'
const SHOWN_HOSTS = 3

/** networking.k8s.io/v1 Ingress: pkg/registry/networking/ingress, admission plugin DefaultIngressClass. */
export const ingress: Kind<Ingress> = {
  resource: apiResource('Ingress', 'ingresses', { group: 'networking.k8s.io', shortNames: ['ing'], subresources: ['status'] }),
  type: 'Ingress',
  validName: dns1123Subdomain,
  generationChanged: (o, old) => !deepEqual(o.spec, old.spec),
  admit: chooseClass,
  prepareForCreate(object) {
    object.status = { loadBalancer: {} }
  },
  validate: validateIngress,
  validateUpdate: validateIngressUpdate,
  validateStatusUpdate: validateIngressStatusUpdate,
  warnings: ({ metadata }, old) =>
    metadata.annotations?.[CLASS_ANNOTATION] === undefined || old ? [] : [`annotation "${CLASS_ANNOTATION}" is deprecated, please use 'spec.ingressClassName' instead`],
  columns: [
    NAME,
    { name: 'Class', cell: ({ spec }) => spec.ingressClassName ?? '<none>' },
    { name: 'Hosts', cell: hosts },
    { name: 'Address', cell: addresses },
    { name: 'Ports', cell: ({ spec }) => (spec.tls?.length ? '80, 443' : '80') },
    AGE,
  ],
}

/** An Ingress that names no class gets the default one; of several, the newest. */
function chooseClass({ spec, metadata }: Ingress, { store }: Context): void {
  if (spec.ingressClassName !== undefined || metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return
  const defaults = store.list('ingressclasses', '').filter((c) => c.metadata.annotations?.[DEFAULT_CLASS] === 'true')
  let chosen = defaults[0]
  for (const each of defaults) if (each.metadata.creationTimestamp > chosen!.metadata.creationTimestamp) chosen = each
  if (chosen) spec.ingressClassName = chosen.metadata.name
}

function hosts({ spec }: Ingress): string {
  const rules = spec.rules ?? []
  const shown: string[] = []
  let more = false
  for (const { host } of rules) {
    if (shown.length === SHOWN_HOSTS) more = true
    else if (host) shown.push(host)
  }
  if (shown.length === 0) return '*'
  return more ? `${shown.join(',')} + ${rules.length - SHOWN_HOSTS} more...` : shown.join(',')
}

function addresses({ status }: Ingress): string {
  const all = (status.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '').filter(Boolean)
  return [...new Set(all)].sort().join(',')
}

/** networking.k8s.io/v1 IngressClass. */
export const ingressClass: Kind<IngressClass> = {
  resource: apiResource('IngressClass', 'ingressclasses', { group: 'networking.k8s.io', namespaced: false }),
  type: 'IngressClass',
  validName: dns1123Subdomain,
  generationChanged: (o, old) => !deepEqual(o.spec, old.spec),
  setDefaults({ spec }) {
    if (spec.parameters) spec.parameters = { ...spec.parameters, scope: spec.parameters.scope ?? 'Cluster' }
  },
  validate: validateIngressClass,
  validateUpdate: validateIngressClassUpdate,
  columns: [NAME, { name: 'Controller', cell: ({ spec }) => spec.controller ?? '' }, { name: 'Parameters', cell: parameters }, AGE],
}

function parameters({ spec }: IngressClass): string {
  if (!spec.parameters) return '<none>'
  const { kind, apiGroup, name } = spec.parameters
  return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`
}
