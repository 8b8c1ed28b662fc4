"""From a dialled string to one number, or to a refusal: the pipeline (controls C1, C4, C5, C8).

    string ─ decode ─ hide-caller codes ─ emergency ─ outside prefix ─ emergency, short ─ carrier, operator
           ─ international prefix ─ national, local ─ E.164 ─ table

Rules that hold for all of it:
- A number is accepted only if the table knows it; a repair (a trunk 0 after the country code, a legacy form) is
  accepted only if its result is known. Nothing is guessed: what has no reading is refused with a reason, what has
  two different readings is refused as `ambiguous`.
- An emergency number is an exact match of the whole string and comes before everything else.
- `+` numbers need no outside prefix. A calling code never begins with 0, so an international prefix before a 0 is none.
- Linear time, no exception for any string, and the same string gives the same number.

`explain` is the same code: each stage adds a step to the trace that it is given, if it is given one.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ringfence.numbers import overlay
from ringfence.numbers.national import National, main_region, national
from ringfence.numbers.number import Number, reject
from ringfence.numbers.settings import PlanError, PlanSettings, check
from ringfence.numbers.table import MAX_DIGITS, numbering
from ringfence.numbers.text import Dialled, Refused, Sos, decode
from ringfence.numbers.trace import Step, Trace, cut, in_words, listed, note
from ringfence.numbers.unknown import unknown

__all__ = ["DialPlan", "PlanError", "PlanSettings", "Step"]

Flags = tuple[str, ...]

_SIP_DIGITS = re.compile(r"[sS][iI][pP][sS]?:(\+?)([0-9]{1,32})@[A-Za-z0-9.:\[\]\-]+(?:;[A-Za-z0-9.=;\-]*)?", re.ASCII)
_HIDE = re.compile(r"(?:\*67|\*82|[*#]31#),*")


class DialPlan:
    """A dial plan, compiled once; raises PlanError for settings that can't be meant."""

    def __init__(self, settings: PlanSettings) -> None:
        check(settings)
        self.settings = settings
        self._home: National = national(settings.home)
        self._code = self._home.code
        self._outside = tuple(sorted(settings.outside, key=len, reverse=True))
        self._outside_pause = re.compile(f"({'|'.join(self._outside) or '(?!)'})(?:,+.|[*#].)", re.DOTALL)
        self._emergency = self._home.emergency.union(settings.emergency)
        self._area = settings.area.removeprefix(self._home.data.ndd)
        self._table = overlay.table()
        self._codes = numbering()

    def normalise(self, dialled: str) -> Number:
        """The number that was dialled, or why it is refused; never raises."""
        if dialled.isascii():
            if dialled.isdigit():
                return self._dialled(dialled, (), None)
            if dialled[:1] == "+" and dialled[1:].isdigit():
                return self._plus(dialled[1:], (), None)
            match = _SIP_DIGITS.fullmatch(dialled)
            if match:
                return (self._plus if match[1] else self._dialled)(match[2], (), None)
        return self._decoded(dialled, None)

    def explain(self, dialled: str) -> tuple[Step, ...]:
        """Each step that `normalise` takes for this string, the result last."""
        trace: list[Step] = []
        number = self._decoded(dialled, trace)
        trace.append(Step("result", in_words(number), number.e164))
        return tuple(trace)

    def for_call(self, dialled: str) -> Number:
        """`normalise` for a call from here: a short number that a phone-context makes another country's is refused.

        It has no form that could be sent, and here its digits mean something else: `999;phone-context=+44` is no
        emergency call of a source in the US and must not pass as one. An emergency number of here stays one.
        """
        number = self.normalise(dialled)
        if number.status != "short" or "phone_context" not in number.flags or number.region == self._home.region:
            return number
        if number.type == "emergency" and number.e164 in self._emergency:
            return number._replace(region=self._home.region)
        return reject("foreign_short", region=number.region, flags=number.flags)

    def is_emergency(self, dialled: str) -> bool:
        """Whether this is, as a whole, an emergency call where the source is (control C8)."""
        return self.for_call(dialled).type == "emergency"

    def _decoded(self, dialled: str, trace: Trace) -> Number:
        found = decode(dialled, self.settings.vanity)
        if isinstance(found, Refused):
            return reject(found.reason)
        if isinstance(found, Sos):
            note(trace, "decode", f"{found.urn} asks for an emergency call", "")
            return Number("short", self._home.main_emergency, self._home.region, "emergency", "", ("sos_urn",))
        note(trace, "decode", "read the digits" + listed(found.flags), found.text)
        if found.private:
            return self._in_private_context(found, trace)
        if found.context:
            return self._in_context(found, trace)
        return self._symbols(found.text, found.flags, trace)

    def _in_private_context(self, found: Dialled, trace: Trace) -> Number:
        """Nothing but an emergency number: whatever plan the PBX names, that call must get out."""
        number = self._symbols(found.text, found.flags, trace)
        return number if number.type == "emergency" else reject("private_context", flags=found.flags)

    def _in_context(self, found: Dialled, trace: Trace) -> Number:
        """A local number of another plan; if that refuses it, it may still be an emergency number of ours."""
        number = self._of_other_plan(found, trace)
        if number.rejected and found.text in self._emergency:
            return self._short(found.text, "emergency", found.flags, trace)
        return number

    def _of_other_plan(self, found: Dialled, trace: Trace) -> Number:
        """That country's rules, the rest of the context as area code."""
        code = self._codes.code_of(found.context)
        if not code or main_region(code) == "001":
            return reject("unassigned_cc", flags=found.flags)
        note(trace, "phone-context", f"+{found.context} makes it a number of {main_region(code)}", found.text)
        return _plan_of(main_region(code), found.context[len(code) :])._local_here(found, trace)

    def _local_here(self, found: Dialled, trace: Trace) -> Number:
        """A number dialled in our area.

        A context may be narrower than an area code: RFC 3966 §5.1.5 has `863-1234` in `+1-914-555`, +1 914 863 1234.
        """
        text = found.text
        if text not in self._emergency and text.isdigit() and not self._home.has_trunk_prefix(text):
            for size in range(len(self._area), 0, -1):
                if self._valid(self._code + self._area[:size] + text):
                    return self._known(self._code + self._area[:size] + text, found.flags, trace)
        return self._symbols(text, found.flags, trace)

    def _symbols(self, text: str, flags: Flags, trace: Trace, *, outside: bool = False) -> Number:
        """Hide-caller codes, plus signs and pauses, until only digits are left."""
        text = text.lstrip(",")
        hide = _HIDE.match(text)
        if hide and hide.end() < len(text) and "clir" not in flags:
            text, flags = text[hide.end() :], (*flags, "clir")
            note(trace, "hide-caller", f"took {hide[0]} off", text)
        if text[:1] in ("*", "#"):
            return reject("feature_code", flags=flags)
        if text[:1] == "+":
            return self._after_plus(text, flags, trace)
        prefix = "" if outside else self._outside_with_symbol(text)
        if prefix:
            note(trace, "outside", f"took the outside prefix {prefix}", text[len(prefix) :])
            return self._symbols(text[len(prefix) :], (*flags, "outside"), trace, outside=True)
        digits, flags = cut(text, flags, trace)
        if not digits.isdigit():
            return reject("invalid_char" if digits else "empty", flags=flags)
        return (self._external if outside else self._dialled)(digits, flags, trace)

    def _outside_with_symbol(self, text: str) -> str:
        """The outside prefix, if a pause or a star code follows it: there the digits alone don't show it."""
        match = self._outside_pause.match(text)
        return match[1] if match else ""

    def _after_plus(self, text: str, flags: Flags, trace: Trace) -> Number:
        digits, flags = cut(text.lstrip("+"), flags, trace)
        if not digits.isdigit():
            return reject("invalid_char" if digits else "empty", flags=flags)
        return self._plus(digits, flags, trace)

    def _plus(self, digits: str, flags: Flags, trace: Trace) -> Number:
        """An E.164 number, or one with an international prefix behind the plus."""
        if digits[0] != "0":
            return self._international(digits, flags, trace)
        for prefix in ("011", "00"):
            rest = digits.removeprefix(prefix)
            if rest != digits:
                if rest[:1] in ("0", ""):
                    return reject("repeated_idd" if self._home.begins_with_idd(rest) else "unassigned_cc", flags=flags)
                note(trace, "plus-idd", f"dropped {prefix} behind the plus", rest)
                return self._international(rest, (*flags, "plus_idd"), trace)
        return reject("unassigned_cc", flags=flags)

    def _dialled(self, digits: str, flags: Flags, trace: Trace) -> Number:
        """Digits as they come from the source, before the outside prefix."""
        if digits in self._emergency:
            return self._short(digits, "emergency", flags, trace)
        if self._outside:
            return self._through_outside(digits, flags, trace)
        if self._is_extension(digits):
            return reject("internal_extension", flags=flags)
        return self._external(digits, flags, trace)

    def _through_outside(self, digits: str, flags: Flags, trace: Trace) -> Number:
        prefix = next((p for p in self._outside if digits.startswith(p)), None)
        if prefix is None and self.settings.outside_required:
            return reject("internal_extension" if self._is_extension(digits) else "missing_outside_prefix", flags=flags)
        if prefix is None:
            return self._without_outside(digits, flags, trace)
        rest = digits[len(prefix) :]
        if not rest:
            return reject("empty", flags=flags)
        note(trace, "outside", f"took the outside prefix {prefix}", rest)
        taken = self._external(rest, (*flags, "outside"), trace)
        if self.settings.outside_required:
            return taken
        note(trace, "outside", "or, since the prefix is optional, read it as dialled", digits)
        return _only_reading(taken, self._without_outside(digits, flags, trace))

    def _without_outside(self, digits: str, flags: Flags, trace: Trace) -> Number:
        if self._is_extension(digits):
            return reject("internal_extension", flags=flags)
        return self._external(digits, flags, trace)

    def _is_extension(self, digits: str) -> bool:
        bounds = self.settings.ext_len
        return bounds is not None and bounds[0] <= len(digits) <= bounds[1]

    def _external(self, digits: str, flags: Flags, trace: Trace) -> Number:
        """Digits as the exchange would get them."""
        if len(digits) < 10:
            kind = "emergency" if digits in self._emergency else self._home.short(digits)
            if kind:
                return self._short(digits, kind, flags, trace)
        if self._home.accesses:
            digits, flags, kind = self._access(digits, flags, trace)
            if kind == "operator_only":
                return reject("operator", flags=flags)
            if kind == "operator_international":
                return self._international(digits, flags, trace)
        return self._numbered(digits, flags, trace)

    def _access(self, digits: str, flags: Flags, trace: Trace) -> tuple[str, Flags, str]:
        """Take carrier, operator and caller-ID prefixes off, each kind once."""
        for access in self._home.accesses:
            match = access.pattern.match(digits)
            if match is None or access.kind in flags or self._valid(self._code + digits):
                continue
            if access.kind == "operator_only":
                return digits, flags, "operator_only"
            digits, flags = digits[match.end() :], (*flags, access.kind)
            note(trace, access.kind, f"took the {access.kind} prefix {match[0]}", digits)
            if access.kind == "operator" and match[0] == "01":
                return digits, flags, "operator_international"
        return digits, flags, ""

    def _numbered(self, digits: str, flags: Flags, trace: Trace) -> Number:
        """International prefix, else national."""
        for prefix in self.settings.extra_idd:
            if digits.startswith(prefix) and digits[len(prefix) : len(prefix) + 1] not in ("", "0"):
                note(trace, "idd", f"took {prefix}, which this trunk accepts too", digits[len(prefix) :])
                return self._international(digits[len(prefix) :], flags, trace)
        idd = self._home.idd(digits)
        if idd is not None:
            note(trace, "idd", f"took the international prefix {idd.prefix} of {self._home.region}", idd.rest)
            number = self._international(idd.rest, (*flags, "carrier") if idd.carrier else flags, trace)
            return self._repeated(number, digits)
        if self._home.repeats_idd(digits):
            return reject("repeated_idd", flags=flags)
        if self.settings.e164_noplus and digits[0] != "0":
            return self._maybe_e164(digits, flags, trace)
        return self._national(digits, flags, trace)

    def _repeated(self, number: Number, digits: str) -> Number:
        if number.status == "reject" and self._home.repeats_idd(digits):
            return reject("repeated_idd", flags=number.flags)
        return number

    def _maybe_e164(self, digits: str, flags: Flags, trace: Trace) -> Number:
        """Without a plus it may be E.164 or national; if it may be both, it is refused."""
        note(trace, "e164-noplus", "read it as an international number without plus", digits)
        full = self._international(digits, (*flags, "noplus"), trace)
        note(trace, "e164-noplus", "or as a national number", digits)
        home = self._national(digits, flags, trace)
        if home.status == "reject" and full.status == "reject":
            return home
        return _only_reading(home, full)

    def _national(self, digits: str, flags: Flags, trace: Trace) -> Number:
        """A number of the home country: local, national, or with the country code but no plus."""
        local = "" if self._home.has_trunk_prefix(digits) else self._local(digits)
        if local:
            note(trace, "local", f"put the area code {self.settings.area} before it", local)
            return self._known(local, flags, trace)
        elsewhere = self._rerouted(digits, flags, trace, always=True)
        if elsewhere is not None:
            return elsewhere
        nsn, carrier = self._home.strip(digits)
        if carrier:
            flags = (*flags, "carrier")
        if nsn != digits:
            note(trace, "national", f"took the national prefix of {self._home.region}", nsn)
        if self._valid(self._code + nsn):
            return self._known(self._code + nsn, flags, trace)
        return self._unusual_national(digits, nsn, flags, trace)

    def _local(self, digits: str) -> str:
        """The number this is in the area of the source, or empty; Argentina's 15 goes where it belongs."""
        if not self._area:
            return ""
        stripped = self._code + self._home.strip(self._area + digits)[0]
        return next((e164 for e164 in (self._code + self._area + digits, stripped) if self._valid(e164)), "")

    def _unusual_national(self, digits: str, nsn: str, flags: Flags, trace: Trace) -> Number:
        if nsn != digits and self._valid(self._code + digits):
            note(trace, "national", "kept it: the number is valid with all its digits", digits)
            return self._known(self._code + digits, flags, trace)
        elsewhere = self._rerouted(digits, flags, trace, always=False)
        if elsewhere is not None:
            return elsewhere
        if digits.startswith(self._code):
            rest = self._home.strip(digits[len(self._code) :])[0]
            if self._valid(self._code + rest):
                note(trace, "national", f"it already has the country code {self._code}", self._code + rest)
                return self._known(self._code + rest, (*flags, "home_cc_noplus"), trace)
        local = self._local(digits)
        if local:
            note(trace, "local", f"put the area code {self.settings.area} before it", local)
            return self._known(local, flags, trace)
        return unknown(self._code + nsn, self._table, flags)

    def _rerouted(self, digits: str, flags: Flags, trace: Trace, *, always: bool) -> Number | None:
        """The number of another plan that this form stands for here, if there is one."""
        for reroute in self._home.reroutes:
            other = reroute.apply(digits) if reroute.always == always else ""
            if other and (always or self._valid(other)):
                note(trace, "reroute", f"{reroute.match} stands for +{reroute.instead} ({reroute.source})", other)
                return self._judged(other, (*flags, "reroute"), trace)
        return None

    def _judged(self, digits: str, flags: Flags, trace: Trace) -> Number:
        return self._known(digits, flags, trace) if self._valid(digits) else unknown(digits, self._table, flags)

    def _international(self, digits: str, flags: Flags, trace: Trace) -> Number:
        """E.164 digits, with the two repairs that are common: a trunk prefix kept, a legacy form."""
        if self._valid(digits):
            return self._known(digits, flags, trace)
        code = self._codes.code_of(digits)
        if not code:
            return reject("unassigned_cc", flags=flags)
        for reroute in overlay.reroutes("+"):
            other = reroute.apply(digits)
            if other and self._valid(other):
                note(trace, "legacy", f"{reroute.match} became {reroute.instead} ({reroute.source})", other)
                return self._known(other, (*flags, "legacy"), trace)
        if main_region(code) != "001":
            other = code + national(main_region(code)).strip(digits[len(code) :])[0]
            if other != digits and self._valid(other):
                note(trace, "trunk-digit", f"dropped the national prefix after +{code}", other)
                return self._known(other, (*flags, "ndd_in_intl"), trace)
        if code == self._code and digits[len(code) :] in self._emergency:
            return self._short(digits[len(code) :], "emergency", (*flags, "code_and_emergency"), trace)
        return unknown(digits, self._table, flags)

    def _valid(self, digits: str) -> bool:
        return len(digits) <= MAX_DIGITS and self._table.label(digits).type != ""

    def _known(self, digits: str, flags: Flags, trace: Trace) -> Number:
        region, kind, marks = self._table.label(digits)
        note(trace, "table", f"+{digits} is {kind} in {region}", digits)
        return Number("ok", digits, region, kind, "", flags + marks if marks else flags)

    def _short(self, digits: str, kind: str, flags: Flags, trace: Trace) -> Number:
        note(trace, "short", f"{digits} is {kind} in {self._home.region}", digits)
        return Number("short", digits, self._home.region, kind, "", flags)


def _only_reading(first: Number, second: Number) -> Number:
    """The one of two readings that is valid; a refusal if both are and differ."""
    if second.status == "reject" or first.type == "emergency":
        return first
    if first.status == "reject" or second.type == "emergency" or first.e164 == second.e164:
        return second if first.status == "reject" or second.type == "emergency" else first
    return reject("ambiguous", flags=first.flags)


@lru_cache(maxsize=256)
def _plan_of(region: str, area: str) -> DialPlan:
    return DialPlan(PlanSettings(home=region, area=area[:15]))
