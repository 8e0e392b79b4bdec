import { parse, YAMLParseError } from 'yaml'
import { FieldErrors } from '../field-errors.ts'
import { setPodDefaults } from '../kinds/pod-spec-defaults.ts'
import type { Pod, PodSpec } from '../types.ts'
import { validatePodSpec } from '../validation/pod-spec.ts'

/** A file of the kubelet's staticPodPath: the Pod, or why it is none (pkg/kubelet/config common.go tryDecodeSinglePod, file.go extractFromFile). */
export function decodeManifest(path: string, text: string): Pod | string {
  const unread = (why: string): string => `${path}: couldn't parse as pod(${why}), please check config file`
  let manifest: unknown
  try {
    manifest = parse(text)
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error
    return unread(yamlProblem(error))
  }
  if (typeof manifest !== 'object' || manifest === null) return unread(`Object 'Kind' is missing in '${JSON.stringify(manifest)}'`)
  const { kind, apiVersion, metadata, spec } = manifest as { kind?: unknown; apiVersion?: unknown; metadata?: { name?: unknown }; spec?: { containers?: unknown } }
  if (typeof kind !== 'string' || kind === '') return unread(`Object 'Kind' is missing in '${JSON.stringify(manifest)}'`)
  if (typeof apiVersion !== 'string' || apiVersion === '') return unread(`Object 'apiVersion' is missing in '${JSON.stringify(manifest)}'`)
  if (kind !== 'Pod' || apiVersion !== 'v1') return unread(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/api/legacyscheme/scheme.go:30"`)
  if (typeof metadata?.name !== 'string' || metadata.name === '') return 'invalid pod: name is needed for the pod'
  if (!Array.isArray(spec?.containers) || spec.containers.length === 0) return 'invalid pod: [spec.containers: Required value]'
  return manifest as Pod
}

/** Gives a spec its defaults, and says what is wrong with it. */
export function completeSpec(spec: PodSpec): string | undefined {
  setPodDefaults(spec)
  const errors = new FieldErrors()
  validatePodSpec(spec, 'spec', errors)
  return errors.empty ? undefined : `invalid pod: [${errors.list.map(({ field, body }) => `${field}: ${body}`).join(' ')}]`
}

/** What go-yaml says of the commonest slips. */
const SLIPS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'found character that cannot start any token', BLOCK_AS_IMPLICIT_KEY: 'mapping values are not allowed in this context', BAD_INDENT: 'did not find expected key',
}

function yamlProblem({ code, linePos }: YAMLParseError): string {
  const line = linePos?.[0].line ?? 1
  return `yaml: line ${line}: ${SLIPS[code] ?? "could not find expected ':'"}`
}
