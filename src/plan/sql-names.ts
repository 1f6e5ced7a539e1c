/**
 * The column that an element of an index names, if it is nothing but a column: `created_at DESC` → `created_at`. Undefined for
 * expressions. As Postgres does, an unquoted name is folded to lower case.
 */
export function plainColumn(element: string): string | undefined {
  const found =
    /^(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))(?:\s+collate\s+\S+)?(?:\s+[a-z_]\w*_ops)?(?:\s+(?:asc|desc))?(?:\s+nulls\s+(?:first|last))?$/iu.exec(
      element.trim(),
    )
  return found?.[1]?.replaceAll('""', '"') ?? found?.[2]?.toLowerCase()
}
