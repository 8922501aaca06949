// Interns texts that many records share. A text is kept while a record uses it.

export class Names {
  private readonly numbers = new Map<string, number>();
  private readonly texts: string[] = [];
  private readonly uses: number[] = [];
  private readonly free: number[] = [];

  /// The total length of the kept texts; the owner limits it by removing records.
  characters = 0;

  /// Returns the text's number, which is small and stable while in use. Every take() needs a giveBack().
  take(text: string): number {
    let number = this.numbers.get(text);
    if (number === undefined) {
      number = this.free.pop() ?? this.texts.length;
      this.texts[number] = text;
      this.uses[number] = 0;
      this.numbers.set(text, number);
      this.characters += text.length;
    }
    this.uses[number]!++;
    return number;
  }

  giveBack(number: number): void {
    if (--this.uses[number]! > 0) return;
    const text = this.texts[number]!;
    this.numbers.delete(text);
    this.characters -= text.length;
    this.texts[number] = '';
    this.free.push(number);
  }

  text(number: number): string { return this.texts[number] ?? ''; }
  find(text: string): number | undefined { return this.numbers.get(text); }

  /// One more than the greatest number in use; the length for tables indexed by number.
  get size(): number { return this.texts.length; }
}
