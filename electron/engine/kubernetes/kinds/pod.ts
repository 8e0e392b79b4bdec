import { own } from '../../own.ts'
import { syncAppArmor } from '../admission/apparmor.ts'
import { admitPod, admitPodUpdate } from '../admission/pods.ts'
import { deepEqual } from '../json.ts'
import type { Pod, PodCondition } from '../types.ts'
import { validateEphemeralContainersUpdate } from '../validation/ephemeral-containers.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { mergeResize, validatePodResize } from '../validation/pod-resize.ts'
import { validatePodAnnotations, validateProfilesMatch } from '../validation/pod-annotations.ts'
import { validatePodSpec } from '../validation/pod-spec.ts'
import { validatePodStatusUpdate, validatePodUpdate } from '../validation/pod-update.ts'
import { apiResource, type Kind } from './kind.ts'
import { POD_COLUMNS } from './pod-columns.ts'
import { qosClass } from './pod-qos.ts'
import { setPodDefaults } from './pod-spec-defaults.ts'

/** core/v1 Pod: pkg/registry/core/pod/strategy.go. */
export const pod: Kind<Pod> = {
  resource: apiResource('Pod', 'pods', {
    shortNames: ['po'],
    categories: ['all'],
    subresources: ['attach', 'binding', 'ephemeralcontainers', 'eviction', 'exec', 'log', 'portforward', 'proxy', 'resize', 'status'],
  }),
  type: 'Pod',
  validName: dns1123Subdomain,
  generationChanged: (object, old) => !deepEqual(object.spec, old.spec),
  setDefaults: (object) => setPodDefaults(object.spec),
  admit: admitPod,
  prepareForCreate(object, _context, warn) {
    object.status = { phase: 'Pending', qosClass: qosClass(object.spec) }
    if (object.spec.schedulingGates?.length) object.status.conditions = [GATED]
    mergeLabelKeys(object)
    syncAppArmor(object, warn)
  },
  prepareForUpdate: admitPodUpdate,
  prepareForStatusUpdate(object, old, submitted) {
    if (!object.status.qosClass && old.status.qosClass) object.status.qosClass = old.status.qosClass
    for (const field of ['labels', 'annotations', 'finalizers'] as const) {
      if (submitted.metadata[field] === undefined) delete object.metadata[field]
      else Object.assign(object.metadata, { [field]: submitted.metadata[field] })
    }
  },
  validate(object, errors) {
    validatePodAnnotations(object.metadata.annotations, object.spec, 'metadata.annotations', errors)
    validatePodSpec(object.spec, 'spec', errors)
    if (object.spec.ephemeralContainers?.length) errors.forbidden('spec.ephemeralContainers', 'cannot be set on create')
    validateProfilesMatch(object.metadata.annotations, object.spec, 'spec', errors)
  },
  validateUpdate: validatePodUpdate,
  validateStatusUpdate: validatePodStatusUpdate,
  parts: {
    ephemeralcontainers: {
      merge(old, submitted) {
        const { ephemeralContainers } = submitted.spec
        const { labels: _labels, annotations: _annotations, ...metadata } = old.metadata
        const sent = submitted.metadata
        const next = { ...old, metadata: { ...metadata, ...(sent.labels ? { labels: sent.labels } : {}), ...(sent.annotations ? { annotations: sent.annotations } : {}) }, spec: { ...old.spec } } as Pod
        if (ephemeralContainers) next.spec.ephemeralContainers = ephemeralContainers
        else delete next.spec.ephemeralContainers
        return next
      },
      validate: validateEphemeralContainersUpdate,
    },
    resize: { merge: mergeResize, validate: validatePodResize },
  },
  gracePeriod(object, options) {
    const { phase } = object.status
    if (!object.spec.nodeName || phase === 'Succeeded' || phase === 'Failed') return 0
    const seconds = options.gracePeriodSeconds ?? object.spec.terminationGracePeriodSeconds ?? 0
    return seconds < 0 ? 1 : seconds
  },
  fields: {
    'spec.nodeName': (o) => o.spec.nodeName ?? '',
    'spec.restartPolicy': (o) => o.spec.restartPolicy ?? '',
    'spec.schedulerName': (o) => o.spec.schedulerName ?? '',
    'spec.serviceAccountName': (o) => o.spec.serviceAccountName ?? '',
    'spec.hostNetwork': (o) => String(o.spec.hostNetwork ?? false),
    'status.phase': (o) => o.status.phase ?? '',
    'status.podIP': (o) => o.status.podIPs?.[0]?.ip ?? '',
    'status.podIPs': (o) => o.status.podIPs?.[0]?.ip ?? '',
    'status.nominatedNodeName': (o) => o.status.nominatedNodeName ?? '',
  },
  columns: POD_COLUMNS,
}

/** applySchedulingGatedCondition. */
const GATED: PodCondition = {
  type: 'PodScheduled', status: 'False', lastProbeTime: null as never, lastTransitionTime: null as never, reason: 'SchedulingGated', message: 'Scheduling is blocked due to non-empty scheduling gates',
}

/** applyMatchLabelKeysAndMismatchLabelKeys: what terms of pod affinity ask of the Pod's own labels becomes part of their selectors. */
function mergeLabelKeys({ metadata: { labels = {} }, spec: { affinity } }: Pod): void {
  for (const side of [affinity?.podAffinity, affinity?.podAntiAffinity]) {
    const terms = [...(side?.requiredDuringSchedulingIgnoredDuringExecution ?? []), ...(side?.preferredDuringSchedulingIgnoredDuringExecution?.map((t) => t.podAffinityTerm) ?? [])]
    for (const term of terms) {
      if (!term.labelSelector) continue
      for (const [keys, operator] of [[term.matchLabelKeys, 'In'], [term.mismatchLabelKeys, 'NotIn']] as const) {
        for (const key of keys ?? []) {
          const value = own(labels, key)
          if (value === undefined) continue
          term.labelSelector = { ...term.labelSelector, matchExpressions: [...(term.labelSelector.matchExpressions ?? []), { key, operator, values: [value] }] }
        }
      }
    }
  }
}
