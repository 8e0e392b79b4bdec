import { compareStrings } from '../json.ts'

/** labels.FormatLabels: "a=b,c=d" with sorted keys, "<none>" when there are none. */
export function formatLabels(labels: { readonly [key: string]: string } | undefined): string {
  const keys = Object.keys(labels ?? {}).sort(compareStrings)
  return keys.map((key) => `${key}=${labels![key]}`).join(',') || '<none>'
}
